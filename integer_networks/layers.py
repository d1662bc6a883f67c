"""The layers of integer networks, as frozen values, and the proof that none can overflow.

A layer takes values, arrays (batch, height, width, channels) of integers, to a value. What is known
of one without running anything is a `lic.integer_networks.values.Value`. Each layer's `value`
derives its own from its sources' and raises `GraphError` if an accumulator could exceed
32 bits, if an activation could exceed 16, or if shapes do not fit. `reference` says what a layer
computes; `graph` puts layers together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from .fixed_point import LARGEST, MULTIPLIER_LIMIT
from .values import (
    Multiplier,
    Value,
    check_accumulators,
    check_array,
    length_of,
    require,
    saturated,
    uniform,
)

MAXIMUM_CHANNELS = 8192
MAXIMUM_COMPONENTS = 4
_FACTORS = (2, 4, 8)
_KERNELS = (3, 5, 7)


@dataclass(frozen=True, eq=False)
class Input:
    """An input of the graph, in the given bounds (inclusive) and at 1/``divisor`` resolution."""

    name: str
    channels: int
    low: int = -LARGEST
    high: int = LARGEST
    divisor: int = 1

    sources: tuple[int, ...] = ()

    def value(self, sources: Sequence[Value]) -> Value:
        """The input itself."""
        require(0 < self.channels <= MAXIMUM_CHANNELS, "a value has too many channels")
        require(-LARGEST <= self.low <= 0 <= self.high <= LARGEST, "an input's bounds are wrong")
        require(0 < self.divisor <= 64, "an input's resolution is wrong")
        return uniform(self.low, self.high, self.channels, Fraction(1, self.divisor))


@dataclass(frozen=True, eq=False)
class Convolution:
    """A 1x1 convolution, rescaled and limited to low..high.

    A ReLU is ``low=0``. Limits beyond 16 bits give a value of 32 bits, which no convolution takes.
    """

    sources: tuple[int, ...]
    weights: NDArray[np.int8] | NDArray[np.int16]
    """(C_out, C_in)."""
    bias: NDArray[np.int32]
    """(C_out,), in units of the accumulators."""
    multiplier: Multiplier
    low: int = -LARGEST
    high: int = LARGEST

    def value(self, sources: Sequence[Value]) -> Value:
        """Bounds by the limits."""
        source = sources[0].require_activations()
        outputs = length_of(self.weights)
        require(0 < outputs <= MAXIMUM_CHANNELS, "a value has too many channels")
        check_array("weights", self.weights, (outputs, source.channels), np.int8, np.int16)
        check_array("bias", self.bias, (outputs,), np.int32)
        self.multiplier.check(outputs)
        _check_limits(self.low, self.high)
        check_accumulators(self.weights, self.bias, source, 1)
        return uniform(self.low, self.high, outputs, source.resolution)


def _check_limits(low: int, high: int) -> None:
    require(-(2**30) <= low <= 0 <= high <= 2**30, "a layer's limits are wrong")


@dataclass(frozen=True, eq=False)
class Depthwise:
    """A k x k convolution of each channel with zeros around the picture, rescaled and limited."""

    sources: tuple[int, ...]
    weights: NDArray[np.int8] | NDArray[np.int16]
    """(k, k, C), k = 3, 5 or 7."""
    bias: NDArray[np.int32]
    multiplier: Multiplier
    low: int = -LARGEST
    high: int = LARGEST

    @property
    def reach(self) -> int:
        """How far it sees."""
        return self.weights.shape[0] // 2

    def value(self, sources: Sequence[Value]) -> Value:
        """Bounds by the limits, which are of 16 bits."""
        source = sources[0].require_activations()
        side = length_of(self.weights)
        require(side in _KERNELS, "a depthwise kernel must be 3, 5 or 7 wide")
        shape = (side, side, source.channels)
        check_array("weights", self.weights, shape, np.int8, np.int16)
        check_array("bias", self.bias, shape[2:], np.int32)
        self.multiplier.check(source.channels)
        _check_limits(self.low, self.high)
        check_accumulators(self.weights, self.bias, source, (0, 1))
        result = uniform(self.low, self.high, source.channels, source.resolution)
        return result.require_activations()


@dataclass(frozen=True, eq=False)
class HardSwish:
    """x clip(x + three, 0, 2 three), rescaled by one multiplier; ``three`` stands for 3."""

    sources: tuple[int, ...]
    three: int
    multiplier: int

    def value(self, sources: Sequence[Value]) -> Value:
        """All of 16 bits."""
        source = sources[0].require_activations()
        _check_gate(self.three, self.multiplier)
        return saturated(source)


def _check_gate(three: int, multiplier: int) -> None:
    # 32767 * 2 * three must fit in 32 bits.
    require(0 < three < 2**15, "a gate's unit is out of range")
    require(0 <= multiplier <= MULTIPLIER_LIMIT, "a multiplier is out of range")


@dataclass(frozen=True, eq=False)
class Gate:
    """The first half of the channels times a hard sigmoid of the second.

    v clip(g + three, 0, 2 three), rescaled by one multiplier.
    """

    sources: tuple[int, ...]
    three: int
    multiplier: int

    def value(self, sources: Sequence[Value]) -> Value:
        """All of 16 bits, half as many channels."""
        source = sources[0].require_activations()
        require(source.channels % 2 == 0, "a gate needs an even number of channels")
        _check_gate(self.three, self.multiplier)
        return uniform(-LARGEST, LARGEST, source.channels // 2, source.resolution)


@dataclass(frozen=True, eq=False)
class Add:
    """The sum of two values, saturated."""

    sources: tuple[int, ...]

    def value(self, sources: Sequence[Value]) -> Value:
        """All of 16 bits."""
        first, second = (source.require_activations() for source in sources)
        same = first.channels == second.channels and first.resolution == second.resolution
        require(same, "an addition's values have different shapes")
        return saturated(first)


@dataclass(frozen=True, eq=False)
class Gain:
    """A value times a gain for each channel in 1/2**20, limited to low..high.

    Limits of fewer bits make activations that are cheap to multiply.
    """

    sources: tuple[int, ...]
    multiplier: Multiplier
    low: int = -LARGEST
    high: int = LARGEST

    def value(self, sources: Sequence[Value]) -> Value:
        """Bounds by the limits, which are of 16 bits."""
        source = sources[0].require_activations()
        self.multiplier.check(source.channels)
        require(self.multiplier.offsets is None, "a gain has no offsets")
        _check_limits(self.low, self.high)
        result = uniform(self.low, self.high, source.channels, source.resolution)
        return result.require_activations()


@dataclass(frozen=True, eq=False)
class Concatenation:
    """The channels of all sources, one after the other."""

    sources: tuple[int, ...]

    def value(self, sources: Sequence[Value]) -> Value:
        """The sources' bounds."""
        parts = [source.require_activations() for source in sources]
        resolution = parts[0].resolution
        require(all(p.resolution == resolution for p in parts), "values of different sizes")
        low, high = (np.concatenate([getattr(p, n) for p in parts]) for n in ("low", "high"))
        require(low.size <= MAXIMUM_CHANNELS, "a value has too many channels")
        return Value(low, high, resolution)


def _cell(factor: int) -> int:
    """How many places a cell of factor x factor has; raises `GraphError` if that is not allowed."""
    require(factor in _FACTORS, "a shuffle's factor must be 2, 4 or 8")
    return factor**2


@dataclass(frozen=True, eq=False)
class Unshuffle:
    """Folds cells of factor x factor places into channels, in order (row, column, channel)."""

    sources: tuple[int, ...]
    factor: int

    def value(self, sources: Sequence[Value]) -> Value:
        """The source's bounds, as often as a cell has places."""
        source = sources[0].require_activations()
        places = _cell(self.factor)
        require(source.channels * places <= MAXIMUM_CHANNELS, "a value has too many channels")
        low, high = np.tile(source.low, places), np.tile(source.high, places)
        return Value(low, high, source.resolution / self.factor)


@dataclass(frozen=True, eq=False)
class Shuffle:
    """The inverse of `Unshuffle`."""

    sources: tuple[int, ...]
    factor: int

    def value(self, sources: Sequence[Value]) -> Value:
        """The widest of the bounds that a channel is made of."""
        source = sources[0].require_activations()
        places = _cell(self.factor)
        require(source.channels % places == 0, "a shuffle's channels do not divide")
        low, high = (x.reshape(places, -1) for x in (source.low, source.high))
        return Value(low.min(axis=0), high.max(axis=0), source.resolution * self.factor)


@dataclass(frozen=True, eq=False)
class Subsample:
    """Every second row and column, from the given ones (0 or 1) on."""

    sources: tuple[int, ...]
    row: int
    column: int

    def value(self, sources: Sequence[Value]) -> Value:
        """The source's bounds."""
        source = sources[0].require_activations()
        require(self.row in (0, 1) and self.column in (0, 1), "a place in a cell is wrong")
        return Value(source.low, source.high, source.resolution / 2)


@dataclass(frozen=True, eq=False)
class Mixture:
    """Raw outputs of a step's latents to the integers of the entropy coder.

    Each source has ``2 + 3 (components - 1)`` parts of as many channels: centres in 1/64 step,
    scale indices in 1/256, and for the components beyond the first means in 1/64 step and logits in
    1/16. The sources' latents are put side by side. It can only be an output.
    """

    sources: tuple[int, ...]
    components: int

    @property
    def parts(self) -> int:
        """Raw outputs for each latent."""
        return 2 + 3 * (self.components - 1)

    def value(self, sources: Sequence[Value]) -> Value:
        """The centres' bounds."""
        require(1 <= self.components <= MAXIMUM_COMPONENTS, "a mixture has 1 to 4 components")
        first = sources[0]
        for source in sources:
            same = source.channels == first.channels and source.resolution == first.resolution
            require(same, "a mixture's sources have different shapes")
            require(source.channels % self.parts == 0, "a mixture's channels do not divide")
        channels = first.channels // self.parts * len(sources)
        require(channels <= MAXIMUM_CHANNELS, "a value has too many channels")
        # Beyond 16 bits, so that nothing but an output can be made of it.
        return uniform(-(2**30), 2**30, channels, first.resolution)


Layer = (
    Input
    | Convolution
    | Depthwise
    | HardSwish
    | Gate
    | Add
    | Gain
    | Concatenation
    | Unshuffle
    | Shuffle
    | Subsample
    | Mixture
)
