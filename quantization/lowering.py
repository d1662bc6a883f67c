"""Rounds a calibrated float graph to a graph of integers.

A value is its integers times a unit, one for each channel. Values that are added share theirs; the
units of a convolution's inputs go into its weights, and what remains is its multiplier. Weights get
as many bits as they are given. An output channel gets fewer where the proof against overflow of its
32-bit accumulator asks for it, and more where coarse inputs make a fine result.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lic.integer_networks import layers as kinds
from lic.integer_networks.fixed_point import (
    ACCUMULATOR_LIMIT,
    GAIN_BITS,
    LARGEST,
    LOG_BITS,
)
from lic.integer_networks.graph import Graph
from lic.integer_networks.layers import Layer
from lic.integer_networks.limits import HEADROOM
from lic.integer_networks.values import Multiplier, Value
from lic.quantization.calibration import Ranges
from lic.quantization.float_graph import FloatLayer

Floats = NDArray[np.float64]
_SMALLEST = 1e-6
_QUIETEST = 64
"""How many times finer the unit of a stream's quietest channel is than that of its loudest."""


@dataclass(frozen=True)
class Target:
    """What a convolution's result is to be: an output with units of its own.

    The result is real * exp(log_gain) / unit + offset, limited to low..high.
    """

    unit: Floats
    """(C,)."""
    log_gain: Floats | None = None
    """(levels, C)."""
    offset: Floats | None = None
    """(levels, C), in units of the result."""
    low: int = -LARGEST
    high: int = LARGEST
    shift: float = 0.0
    """Added to the real result."""


def rounded(values: Floats) -> NDArray[np.int32]:
    """To the nearest integers."""
    return np.rint(values).astype(np.int32)


def logarithms(values: Floats) -> NDArray[np.int32]:
    """Base-2 logarithms of positive values in the integer tables' units."""
    return np.clip(rounded(np.log2(values) * 2**LOG_BITS), 0, (31 << LOG_BITS) - 1)


class Units:
    """The unit of each value of a graph (C,), from its ranges."""

    def __init__(self, ranges: Ranges, given: Mapping[int, Floats]) -> None:
        """Choose the units; ``given`` fixes those of some values.

        Each channel of a residual stream has its own, which costs nothing and keeps quiet channels
        precise; all other values have one, which their pointwise functions need.
        """
        self.layers = ranges.graph.layers
        self.maxima = [m.double().numpy() for m in ranges.maxima]
        self.roots = list(range(len(self.layers)))
        for at, layer in enumerate(self.layers):
            if layer.kind == "add":
                for source in layer.sources:
                    self._join(source, at)
        self.given = {self._root(at): unit for at, unit in given.items()}
        streams = [at for at, layer in enumerate(self.layers) if layer.kind == "add"]
        self.by_channel = {self._root(at) for at in streams}
        self.units: list[Floats] = []
        for at in range(len(self.layers)):
            self.units.append(self._unit(at))
        for at, layer in enumerate(self.layers):
            if layer.kind == "shuffle":
                self.units[layer.sources[0]] = np.tile(self.units[at], layer.factor**2)
            elif layer.kind == "unshuffle":
                self.units[at] = np.tile(self.units[layer.sources[0]], layer.factor**2)
            elif layer.kind in ("subsample", "concatenation"):
                self.units[at] = np.concatenate([self.units[s] for s in layer.sources])

    def largest(self, at: int) -> Floats:
        """The largest magnitudes (C,) of a value and of those that share its unit."""
        members = [m for i, m in enumerate(self.maxima) if self._root(i) == self._root(at)]
        largest: Floats = np.maximum.reduce(members)
        return largest

    def _root(self, at: int) -> int:
        while self.roots[at] != at:
            at = self.roots[at]
        return at

    def _join(self, first: int, second: int) -> None:
        self.roots[self._root(first)] = self._root(second)

    def _unit(self, at: int) -> Floats:
        root = self._root(at)
        if root in self.given:
            return self.given[root]
        largest = np.maximum(self.largest(at), _SMALLEST)
        readers = [layer.kind for layer in self.layers if at in layer.sources]
        if "gate" in readers:
            largest = np.repeat(largest.reshape(2, -1).max(axis=1), largest.size // 2)
        elif root in self.by_channel:
            # A channel that calibration found quiet may be loud on other pictures.
            largest = np.maximum(largest, largest.max() / _QUIETEST)
        else:
            largest = np.full_like(largest, largest.max())
        unit = unit_of(largest)
        if self.layers[at].kind in ("gate", "hard_swish"):
            # Finer than a product of its factors' units is of no use, and no multiplier reaches it.
            source = self.units[self.layers[at].sources[0]]
            unit = np.maximum(unit, source[0] * source[-1] / 5)
        return unit


def unit_of(largest: Floats) -> Floats:
    """The unit with which values of that magnitude have the usual headroom."""
    return np.maximum(largest, _SMALLEST) * HEADROOM / LARGEST


def lower(
    ranges: Ranges,
    units: Units,
    bits: int,
    targets: Mapping[int, Target],
    limits: Mapping[str, int],
) -> Graph:
    """The integer graph of a calibrated float graph.

    Parameters
    ----------
    ranges, units
        What is known of its values.
    bits
        Of the weights, 4 to 16.
    targets
        Convolutions, by their places, whose results are outputs in units of their own.
    limits
        The largest magnitude of inputs, by name; 32767 where it is not given.
    """
    lowered: list[Layer] = []
    values: list[Value] = []
    for at, layer in enumerate(ranges.graph.layers):
        sources = [values[s] for s in layer.sources]
        unit_in = units.units[layer.sources[0]] if layer.sources else np.zeros(0)
        target = targets.get(at) or Target(
            units.units[at],
            None if layer.gain is None else layer.gain.log_gain.detach().double().numpy(),
            low=0 if layer.relu else -LARGEST,
        )
        lowered.append(_lower_layer(layer, sources, unit_in, target, bits, limits))
        values.append(lowered[-1].value(sources))
    return Graph(tuple(lowered), tuple(ranges.graph.outputs))


def _lower_layer(
    layer: FloatLayer,
    sources: list[Value],
    unit: Floats,
    target: Target,
    bits: int,
    limits: Mapping[str, int],
) -> Layer:
    places = layer.sources
    match layer.kind:
        case "input":
            largest = limits.get(layer.name, LARGEST)
            return kinds.Input(layer.name, target.unit.size, -largest, largest)
        case "convolution":
            assert layer.weight is not None
            assert layer.bias is not None
            weights, bias, multiplier = _round_weights(
                layer.weight.double().numpy().T * unit[:, None],
                layer.bias.double().numpy() + target.shift,
                target,
                bits,
                sources[0].low[:, None],
                sources[0].high[:, None],
            )
            return kinds.Convolution(
                places, weights.T.copy(), bias, multiplier, target.low, target.high
            )
        case "depthwise":
            assert layer.weight is not None
            assert layer.bias is not None
            kernel = layer.weight.double().numpy() * unit
            flat, bias, multiplier = _round_weights(
                kernel.reshape(-1, unit.size),
                layer.bias.double().numpy(),
                target,
                bits,
                sources[0].low,
                sources[0].high,
            )
            return kinds.Depthwise(places, flat.reshape(kernel.shape), bias, multiplier)
        case "hard_swish":
            return kinds.HardSwish(places, *_gate(unit[0], unit[0], target.unit[0]))
        case "gate":
            return kinds.Gate(places, *_gate(unit[0], unit[-1], target.unit[0]))
        case "add":
            return kinds.Add(places)
        case "gain":
            assert target.log_gain is not None
            ratio = np.exp(target.log_gain) * unit / target.unit * 2**GAIN_BITS
            return kinds.Gain(places, Multiplier(logarithms=logarithms(ratio)))
        case "concatenation":
            return kinds.Concatenation(places)
        case "unshuffle":
            return kinds.Unshuffle(places, layer.factor)
        case "shuffle":
            return kinds.Shuffle(places, layer.factor)
        case "subsample":
            return kinds.Subsample(places, *layer.place)
        case "mixture":
            return kinds.Mixture(places, layer.factor)
    raise ValueError(f"no such kind of layer: {layer.kind}")


def _gate(value: float, gate: float, result: float) -> tuple[int, int]:
    """The integer for 3, and the multiplier, of a hard sigmoid's gate with these units."""
    return round(3 / gate), round(value * gate / (6 * result) * 2**31)


def _round_weights(
    weights: Floats,
    bias: Floats,
    target: Target,
    bits: int,
    low: NDArray[np.int64],
    high: NDArray[np.int64],
) -> tuple[NDArray[np.int8] | NDArray[np.int16], NDArray[np.int32], Multiplier]:
    """Integer weights (N, C), biases and multipliers of real weights for integer inputs.

    The inputs lie in low..high, (N, 1) where each row of weights has an input of its own, and (C,)
    where each column has.
    """
    most = np.maximum(weights * low, weights * high).sum(axis=0) + np.maximum(bias, 0)
    least = np.minimum(weights * low, weights * high).sum(axis=0) + np.minimum(bias, 0)
    # Rounding may add half a unit to each weight.
    slack = 0.5 * np.broadcast_to(np.maximum(high, -low), weights.shape).sum(axis=0)
    step = np.maximum(most, -least) / (ACCUMULATOR_LIMIT - slack - 1)
    usual = np.abs(weights).max(axis=0) / (2 ** (bits - 1) - 1)
    # A sum is rescaled by less than one, so its unit must be finer than the result's: where inputs
    # are coarse and results are fine, weights take more bits than asked for.
    step = np.maximum(step, np.minimum(usual, 0.9 * target.unit))
    step = np.maximum(step, target.unit * 2.0**-24)  # a channel of zeros
    integers: NDArray[np.int8] | NDArray[np.int16] = np.rint(weights / step).astype(np.int16)
    if np.abs(integers).max() <= np.iinfo(np.int8).max:
        integers = integers.astype(np.int8)
    ratio = step / target.unit * 2.0**31
    if target.log_gain is None:
        multiplier = Multiplier(fixed=rounded(ratio))
    else:
        multiplier = Multiplier(
            logarithms=logarithms(ratio * np.exp(target.log_gain)),
            offsets=None if target.offset is None else rounded(target.offset),
        )
    return integers, rounded(bias / step), multiplier


def gain_logarithms(gains: Floats) -> NDArray[np.int32]:
    """Tables (levels, C) of gains for `lic.integer_networks.fixed_point.apply_gain`."""
    return logarithms(gains * 2**GAIN_BITS)
