"""Weights of few bits in as few bits: how `serialization` keeps them in a file.

The weights of an output channel are numbers of ``bits`` bits times a power of two. All numbers of a
layer follow each other, eight of them in as many bytes as each has bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from . import _native
from .errors import GraphError

Weights = NDArray[np.int8] | NDArray[np.int16]
_TOGETHER = 8
_MOST_NUMBERS = 1 << 26


@dataclass(frozen=True)
class Packed:
    """Weights (outputs, inputs) or, of a depthwise convolution, (k, k, channels)."""

    bits: int
    shape: tuple[int, ...]
    numbers: NDArray[np.uint8]
    """(bytes,); the first number begins with the first byte's lowest bit. Two's complement."""
    shifts: NDArray[np.uint8]
    """(outputs,): exponents of the powers of two."""


def pack(weights: Weights) -> Packed | None:
    """Pack weights; None if that would need as much memory."""
    axis = _axis(weights.shape)
    wide = np.moveaxis(weights.astype(np.int32), axis, -1)
    every = np.bitwise_or.reduce(wide.reshape(-1, wide.shape[-1]), axis=0)
    lowest = np.where(every == 0, 1, every & -every)
    shifts = np.log2(lowest).astype(np.uint8)
    numbers = np.moveaxis(wide >> shifts, -1, axis).ravel()
    bits = 1 + int(np.maximum(numbers, ~numbers).max()).bit_length()
    if bits >= 8 * weights.itemsize:
        return None
    groups = np.zeros((-(-numbers.size // _TOGETHER), _TOGETHER), np.int32)
    groups.ravel()[: numbers.size] = numbers
    places = np.arange(bits)
    binary = (groups[..., None] >> places & 1).astype(np.uint8)
    packed = np.packbits(binary.reshape(len(groups), -1), axis=1, bitorder="little")
    return Packed(bits, weights.shape, packed.ravel(), shifts)


def unpack(packed: Packed) -> Weights:
    """The weights: int8 if they fit.

    Raises GraphError if the arrays do not fit each other, or if weights exceed 16 bits.
    """
    shape = packed.shape
    if len(shape) not in (2, 3) or min(shape) < 1 or prod(shape) > _MOST_NUMBERS:
        raise GraphError("packed weights have a wrong shape")
    axis = _axis(shape)
    arrays = packed.numbers, packed.shifts
    if any(a.dtype != np.uint8 or a.ndim != 1 for a in arrays) or len(arrays[1]) != shape[axis]:
        raise GraphError("packed weights do not fit their shape")
    weights = np.empty(prod(shape), np.int16)
    try:
        _native.unpack(packed.numbers, packed.bits, packed.shifts, prod(shape[axis + 1 :]), weights)
    except ValueError as error:
        raise GraphError(str(error)) from error
    weights = weights.reshape(shape)
    if max(-int(weights.min()), int(weights.max())) > np.iinfo(np.int8).max:
        return weights
    return weights.astype(np.int8)


def _axis(shape: Sequence[int]) -> int:
    """The axis of the outputs."""
    return 0 if len(shape) == 2 else len(shape) - 1
