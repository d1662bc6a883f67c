"""What is known of values of integer networks before anything runs, and what proves it.

`layers` uses it: a `Value` has channels, resolution and bounds, a `Multiplier` is what sums are
rescaled by, and `check_accumulators` proves that sums fit in 32 bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import GraphError
from .fixed_point import ACCUMULATOR_LIMIT, LARGEST, LOG_BITS


@dataclass(frozen=True, eq=False)
class Value:
    """What is known of a layer's result before anything runs."""

    low: NDArray[np.int64]
    """The least that each channel can be, (C,)."""
    high: NDArray[np.int64]
    """The most that each channel can be, (C,)."""
    resolution: Fraction
    """Its sides relative to those of the graph's inputs of resolution 1."""

    @property
    def channels(self) -> int:
        """The number of channels C."""
        return int(self.low.size)

    @property
    def narrow(self) -> bool:
        """Whether 16 bits hold it."""
        return bool(max(-self.low.min(), self.high.max()) <= LARGEST)

    def require_activations(self) -> Value:
        """The same value, of 16 bits, or `GraphError`."""
        if not self.narrow:
            raise GraphError("a value of more than 16 bits is used as an activation")
        return self


def require(condition: bool, message: str) -> None:
    """Raise `GraphError` with the message unless the condition holds."""
    if not condition:
        raise GraphError(message)


def check_array(name: str, array: Any, shape: tuple[int, ...], *types: type) -> None:
    """Raise `GraphError` unless this is an array of the shape and of one of the types."""
    if not isinstance(array, np.ndarray) or array.dtype not in types or array.shape != shape:
        kinds = " or ".join(t.__name__ for t in types)
        raise GraphError(f"{name} must be {kinds} of shape {shape}")


def length_of(array: Any) -> int:
    """The length of an array's first axis, 0 if there is none."""
    return array.shape[0] if isinstance(array, np.ndarray) and array.ndim else 0


def uniform(low: int, high: int, channels: int, resolution: Fraction) -> Value:
    """A value with the same bounds in every channel."""
    return Value(np.full(channels, low), np.full(channels, high), resolution)


def saturated(source: Value) -> Value:
    """A value of the source's shape that can be any activation."""
    return uniform(-LARGEST, LARGEST, source.channels, source.resolution)


@dataclass(frozen=True, eq=False)
class Multiplier:
    """A factor for each channel, fixed, or interpolated between quality levels.

    Exactly one of the two is given. ``offsets`` are added to what was rescaled.
    """

    fixed: NDArray[np.int32] | None = None
    """(C,): 0 to 2**31 - 1."""
    logarithms: NDArray[np.int32] | None = None
    """(levels, C): base-2 logarithms in 1/2**16, from 0 to 31 (exclusive), by quality level."""
    offsets: NDArray[np.int32] | None = None
    """(levels, C): addends by quality level, at most 2**30 in magnitude."""

    def check(self, channels: int) -> None:
        """Raise `GraphError` if this is no factor for so many channels."""
        require((self.fixed is None) != (self.logarithms is None), "a multiplier must be one kind")
        if self.fixed is not None:
            check_array("multipliers", self.fixed, (channels,), np.int32)
            require(bool((self.fixed >= 0).all()), "a multiplier is negative")
        for name, table, low, high in (
            ("logarithms", self.logarithms, 0, (31 << LOG_BITS) - 1),
            ("offsets", self.offsets, -(2**30), 2**30),
        ):
            if table is not None:
                levels = length_of(table)
                check_array(name, table, (levels, channels), np.int32)
                require(1 <= levels <= 64, "a table must have 1 to 64 quality levels")
                require(bool(((low <= table) & (table <= high)).all()), f"{name} out of range")


def check_accumulators(
    weights: NDArray[np.integer[Any]],
    bias: NDArray[np.int32],
    source: Value,
    axes: int | tuple[int, ...],
) -> None:
    """Prove that the sums over some axes of weights times the source's channels, plus bias, fit.

    The last axis of the weights is that of the source's channels. Bounds contain zero, and so do
    those of each term: partial sums in any order fit as well.
    """
    bound = source.high[0]
    if (source.high == bound).all() and (source.low == -bound).all():  # most layers' inputs
        # Unsigned, since the magnitude of the least integer of a type does not fit in that type.
        magnitudes = np.abs(weights).view(f"u{weights.dtype.itemsize}")
        most = magnitudes.sum(axis=axes, dtype=np.int64) * bound
    else:
        positive = np.maximum(weights, 0, dtype=np.int64)
        negative = positive - weights
        most = np.maximum(
            (positive * source.high - negative * source.low).sum(axis=axes),
            (negative * source.high - positive * source.low).sum(axis=axes),
        )
    most = most + np.abs(bias, dtype=np.int64)
    require(bool(most.max() <= ACCUMULATOR_LIMIT), "an accumulator could overflow 32 bits")
