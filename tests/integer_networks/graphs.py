"""Graphs of integers that executors are tried on."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from lic.integer_networks import Graph, MixtureArrays
from lic.integer_networks.graph import Result
from lic.integer_networks.layers import (
    Add,
    Concatenation,
    Convolution,
    Depthwise,
    Gain,
    Gate,
    HardSwish,
    Input,
    Layer,
    Mixture,
    Shuffle,
    Subsample,
    Unshuffle,
)
from lic.integer_networks.values import Multiplier, Value

LARGEST = 32767
Arrays = tuple[NDArray[np.int16], ...]


class Builder:
    """A random graph, layer by layer."""

    def __init__(self, seed: int, *layers: Layer) -> None:
        self.random = np.random.default_rng(seed)
        self.layers: list[Layer] = []
        self.values: list[Value] = []
        for layer in layers:
            self.add(layer)

    def add(self, layer: Layer) -> int:
        self.layers.append(layer)
        self.values.append(layer.value([self.values[source] for source in layer.sources]))
        return len(self.layers) - 1

    def multiplier(self, channels: int, typical: float, *, offsets: bool = True) -> Multiplier:
        """Factors around a power of two, fixed or by quality, with or without addends."""
        low, high = int((typical - 2) * 65536), int(typical * 65536)
        table = self.random.integers(low, high, (int(self.random.integers(1, 4)), channels))
        if self.random.random() < 0.5:
            fixed = (2.0 ** (table[0] / 65536)).astype(np.int32)
            return Multiplier(fixed=fixed)
        addends = self.random.integers(-3000, 3000, table.shape, dtype=np.int32)
        chosen = addends if offsets and self.random.random() < 0.5 else None
        return Multiplier(logarithms=table.astype(np.int32), offsets=chosen)

    def weights(self, shape: tuple[int, ...], terms: int) -> NDArray[np.int8] | NDArray[np.int16]:
        """Weights whose sums of so many terms cannot overflow, of either type."""
        limit = 60000 // terms
        if self.random.random() < 0.5:
            limit = min(limit, 127)
            return self.random.integers(-limit, limit + 1, shape).astype(np.int8)
        limit = min(limit, LARGEST)
        return self.random.integers(-limit, limit + 1, shape).astype(np.int16)

    def bias(self, channels: int) -> NDArray[np.int32]:
        return self.random.integers(-(2**24), 2**24, channels).astype(np.int32)

    def convolution(self, source: int, outputs: int, *, wide: bool = False) -> int:
        inputs = self.values[source].channels
        weights = self.weights((outputs, inputs), inputs)
        low, high = (-(2**30), 2**30) if wide else (int(self.random.choice([0, -LARGEST])), LARGEST)
        factor = self.multiplier(outputs, 30 if wide else 20)
        return self.add(Convolution((source,), weights, self.bias(outputs), factor, low, high))

    def depthwise(self, source: int, side: int) -> int:
        channels = self.values[source].channels
        weights = self.weights((side, side, channels), side * side)
        factor = self.multiplier(channels, 20)
        return self.add(Depthwise((source,), weights, self.bias(channels), factor))

    def graph(self, *outputs: int) -> Graph:
        return Graph(tuple(self.layers), outputs)

    def any_layer(self) -> None:
        """One more layer of any kind, on any value that fits it."""
        kinds: list[Callable[[int], None]] = [
            lambda s: void(self.convolution(s, int(self.random.integers(1, 40)))),
            lambda s: void(self.depthwise(s, int(self.random.choice([3, 5, 7])))),
            lambda s: void(self.add(HardSwish((s,), 3000, 2**19))),
            lambda s: void(self.add(Gate((s,), 3000, 2**20))),
            lambda s: void(self.add(Add((s, self.partner(s, same_channels=True))))),
            lambda s: void(self.add(Gain((s,), self.gain(s), *self.limits()))),
            lambda s: void(self.add(Concatenation((s, self.partner(s), s)))),
            lambda s: void(self.add(Unshuffle((s,), 2))),
            lambda s: void(self.add(Shuffle((s,), 2))),
            lambda s: void(self.add(Subsample((s,), *self.random.integers(0, 2, 2).tolist()))),
        ]
        source = int(self.random.integers(len(self.values)))
        value, kind = self.values[source], int(self.random.integers(len(kinds)))
        fits = {
            3: value.channels % 2 == 0,
            6: value.channels < 100,
            7: value.resolution > Fraction(1, 4) and value.channels < 50,
            8: value.channels % 4 == 0 and value.resolution < 2,
            9: value.resolution > Fraction(1, 4),
        }
        if fits.get(kind, True):
            kinds[kind](source)

    def limits(self) -> tuple[int, int]:
        return tuple(self.random.choice([(-LARGEST, LARGEST), (-127, 127), (0, 255)]).tolist())

    def gain(self, source: int) -> Multiplier:
        return self.multiplier(self.values[source].channels, 22, offsets=False)

    def partner(self, source: int, *, same_channels: bool = False) -> int:
        """Any value as large as a given one."""
        mine = self.values[source]
        fitting = [
            place
            for place, value in enumerate(self.values)
            if value.resolution == mine.resolution
            and (not same_channels or value.channels == mine.channels)
        ]
        return int(self.random.choice(fitting))


def void(_: int) -> None:
    """Forget a place."""


def inputs_of(graph: Graph, batch: int, height: int, width: int) -> Arrays:
    """Random inputs, within their bounds, of so many places at resolution 1."""
    random = np.random.default_rng(height)
    return tuple(
        random.integers(
            layer.low,
            layer.high + 1,
            (batch, height // layer.divisor, width // layer.divisor, layer.channels),
            dtype=np.int16,
        )
        for layer in graph.inputs
    )


def assert_equal(got: tuple[Result, ...], expected: tuple[Result, ...]) -> None:
    """Check that results agree in types, shapes and all integers."""
    assert len(got) == len(expected)
    for one, other in zip(got, expected, strict=True):
        assert type(one) is type(other)
        pairs = zip(one, other, strict=True) if isinstance(one, MixtureArrays) else [(one, other)]
        for array, wanted in pairs:
            assert array.dtype == wanted.dtype
            np.testing.assert_array_equal(array, wanted)


def random_graph(seed: int) -> tuple[Graph, Arrays]:
    """A graph of all kinds of layers but mixtures, and inputs of it."""
    builder = Builder(seed, Input("x", 1 + seed % 19), Input("y", 8, -255, 255, 2))
    for _ in range(14):
        builder.any_layer()
    used = {source for layer in builder.layers for source in layer.sources}
    ends = [place for place in range(len(builder.layers)) if place not in used]
    middle = int(builder.random.integers(len(builder.layers)))
    graph = builder.graph(*ends, middle)
    height, width = ((2 * n + 1) * graph.unit for n in builder.random.integers(0, 4, 2).tolist())
    return graph, inputs_of(graph, 1 + seed % 2, height, width)


def mixture(components: int, wide: bool) -> Graph:
    """A mixture of four heads, and one of these."""
    builder = Builder(components, Input("x", 24))
    outputs = (2 + 3 * (components - 1)) * 5
    heads = []
    for place in ((0, 0), (1, 1), (0, 1), (1, 0)):
        cell = builder.add(Subsample((0,), *place))
        heads.append(builder.convolution(cell, outputs, wide=wide))
    return builder.graph(builder.add(Mixture(tuple(heads), components)), heads[1])


def largest_sums() -> tuple[Graph, Arrays]:
    """Sums, factors and addends as large as they can be, and such inputs."""
    weights = np.array([[32767, 32767], [-32767, -32767], [1, -1]], dtype=np.int16)
    bias = np.array([65534, -65534, 0], dtype=np.int32)
    top = np.full((1, 3), (31 << 16) - 1, dtype=np.int32)
    layers: list[Layer] = [Input("x", 2)]
    for addend in (2**30, -(2**30), 0):
        offsets = np.full((1, 3), addend, dtype=np.int32)
        factor = Multiplier(logarithms=top, offsets=offsets)
        layers.append(Convolution((0,), weights, bias, factor, -(2**30), 2**30))
        layers.append(Convolution((0,), weights, bias, factor))
    graph = Graph(tuple(layers), tuple(range(1, 7)))
    corners = [[a, b] for a in (-LARGEST, 0, LARGEST) for b in (-LARGEST, 0, LARGEST)]
    return graph, (np.array(corners, dtype=np.int16).reshape(1, 3, 3, 2),)


def largest_gates() -> tuple[Graph, Arrays]:
    """Gates and gains of the largest factors, and such inputs."""
    fixed = Multiplier(fixed=np.array([2**31 - 1, 2**20], dtype=np.int32))
    layers = (
        Input("x", 2),
        HardSwish((0,), 2**15 - 1, 2**31 - 1),
        Gate((0,), 2**15 - 1, 2**31 - 1),
        Gain((0,), fixed),
        Add((0, 0)),
    )
    graph = Graph(layers, (1, 2, 3, 4, 0))
    corners = [[a, b] for a in (-LARGEST, -1, LARGEST) for b in (-LARGEST, 1, LARGEST)]
    return graph, (np.array(corners, dtype=np.int16).reshape(1, 3, 3, 2),)


def just_below_half() -> tuple[Graph, Arrays]:
    """Products that are 2**-31 below a half after rescaling, and need more than 53 bits."""
    factors = [2**29 + 1, 2**30 - 3, 123456789]
    sums = [(2**30 - 1) * pow(factor, -1, 2**31) % 2**31 for factor in factors]
    assert all(one * factor > 2**55 for one, factor in zip(sums, factors, strict=True))
    weights, bias = np.zeros((3, 1), np.int8), np.array(sums, np.int32)
    factor = Multiplier(fixed=np.array(factors, np.int32))
    graph = Graph((Input("x", 1), Convolution((0,), weights, bias, factor, -(2**30), 2**30)), (1,))
    return graph, (np.zeros((1, 1, 1, 1), np.int16),)
