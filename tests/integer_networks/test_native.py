"""The C++ executor against the definition in NumPy, to the last bit."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from lic.entropy_coding.coder import chosen_instruction_set
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
from lic.integer_networks.native import NativeGraph, instruction_sets
from lic.integer_networks.reference import run
from lic.integer_networks.values import Multiplier, Value

ISAS = instruction_sets()
LARGEST = 32767


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


def _inputs(graph: Graph, batch: int, height: int, width: int) -> tuple[NDArray[np.int16], ...]:
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


def _assert_equal(got: tuple[Result, ...], expected: tuple[Result, ...]) -> None:
    assert len(got) == len(expected)
    for one, other in zip(got, expected, strict=True):
        assert type(one) is type(other)
        pairs = zip(one, other, strict=True) if isinstance(one, MixtureArrays) else [(one, other)]
        for array, wanted in pairs:
            assert array.dtype == wanted.dtype
            np.testing.assert_array_equal(array, wanted)


def _check(graph: Graph, batch: int, height: int, width: int, quality: int) -> None:
    inputs = _inputs(graph, batch, height, width)
    expected = run(graph, inputs, quality)
    for isa in ISAS:
        for threads in (1, 2, 4):
            native = NativeGraph(graph, isa=isa, threads=threads)
            _assert_equal(native.run(inputs, quality), expected)


@pytest.mark.parametrize("seed", range(40))
def test_random_graphs_give_the_reference_s_integers(seed: int) -> None:
    builder = Builder(seed, Input("x", 1 + seed % 19), Input("y", 8, -255, 255, 2))
    for _ in range(14):
        builder.any_layer()
    used = {source for layer in builder.layers for source in layer.sources}
    ends = [place for place in range(len(builder.layers)) if place not in used]
    middle = int(builder.random.integers(len(builder.layers)))
    graph = builder.graph(*ends, middle)
    height, width = ((2 * n + 1) * graph.unit for n in builder.random.integers(0, 4, 2).tolist())
    _check(graph, 1 + seed % 2, height, width, seed * 251)


@pytest.mark.parametrize("side", [3, 5, 7])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 50), (50, 2), (9, 101)])
def test_kernels_meet_all_borders_of_small_and_large_pictures(
    side: int, height: int, width: int
) -> None:
    for channels in (1, 16, 37):
        builder = Builder(channels, Input("x", channels))
        _check(builder.graph(builder.depthwise(0, side)), 2, height, width, 0)


@pytest.mark.parametrize("inputs", [1, 2, 31, 64])
@pytest.mark.parametrize("outputs", [1, 7, 32, 65])
def test_convolutions_of_all_sizes_are_exact(inputs: int, outputs: int) -> None:
    builder = Builder(inputs + outputs, Input("x", inputs))
    narrow, wide = builder.convolution(0, outputs), builder.convolution(0, outputs, wide=True)
    _check(builder.graph(narrow, wide), 1, 5, 21, 10000)


def test_a_token_mixing_block_is_exact_where_threads_share_its_pixels() -> None:
    builder = Builder(1, Input("x", 48))
    x = builder.convolution(0, 96)
    x = builder.depthwise(builder.add(HardSwish((x,), 5000, 2**18)), 5)
    x = builder.convolution(builder.add(Gate((x,), 5000, 2**19)), 48)
    x = builder.add(Add((0, x)))
    y = builder.add(HardSwish((builder.convolution(x, 192),), 5000, 2**18))
    graph = builder.graph(builder.add(Add((x, builder.convolution(y, 48)))))
    _check(graph, 2, 31, 57, 0)


@pytest.mark.parametrize("components", [1, 2, 3, 4])
@pytest.mark.parametrize("wide", [True, False])
def test_mixtures_of_subsampled_heads_are_exact(components: int, wide: bool) -> None:
    builder = Builder(components, Input("x", 24))
    outputs = (2 + 3 * (components - 1)) * 5
    heads = []
    for place in ((0, 0), (1, 1), (0, 1), (1, 0)):
        cell = builder.add(Subsample((0,), *place))
        heads.append(builder.convolution(cell, outputs, wide=wide))
    mixture = builder.add(Mixture(tuple(heads), components))
    _check(builder.graph(mixture, heads[1]), 2, 40, 66, 4321)


def test_the_largest_sums_factors_and_addends_are_exact() -> None:
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
    inputs = (np.array(corners, dtype=np.int16).reshape(1, 3, 3, 2),)
    for isa in ISAS:
        _assert_equal(NativeGraph(graph, isa=isa).run(inputs, 0), run(graph, inputs, 0))


def test_the_largest_gates_and_gains_are_exact() -> None:
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
    inputs = (np.array(corners, dtype=np.int16).reshape(1, 3, 3, 2),)
    for isa in ISAS:
        _assert_equal(NativeGraph(graph, isa=isa).run(inputs, 0), run(graph, inputs, 0))


def test_one_graph_runs_at_many_qualities_and_sizes() -> None:
    builder = Builder(5, Input("x", 9))
    graph = builder.graph(builder.depthwise(builder.convolution(0, 20), 3))
    native = NativeGraph(graph, threads=2)
    for height, quality in ((8, 0), (8, 5000), (3, 5000), (17, 10000), (8, 0)):
        inputs = _inputs(graph, 1, height, 7)
        _assert_equal(native.run(inputs, quality), run(graph, inputs, quality))


def test_arrays_that_are_not_contiguous_are_read_right() -> None:
    builder = Builder(6, Input("x", 4))
    graph = builder.graph(builder.convolution(0, 6))
    inputs = (_inputs(graph, 1, 8, 8)[0].transpose(0, 2, 1, 3),)
    _assert_equal(NativeGraph(graph).run(inputs, 0), run(graph, inputs, 0))


def test_inputs_that_do_not_fit_are_refused() -> None:
    builder = Builder(7, Input("x", 4), Input("y", 4, -5, 5))
    graph = builder.graph(builder.add(Add((0, 1))))
    x, y = _inputs(graph, 1, 4, 4)
    native = NativeGraph(graph)
    for wrong in ((x,), (x, y[:, :2]), (x, y + np.int16(10)), (x[..., :3], y)):
        with pytest.raises(ValueError, match=r"\w"):
            native.run(wrong, 0)


def test_an_unknown_instruction_set_is_refused() -> None:
    graph = Graph((Input("x", 1),), (0,))
    with pytest.raises(ValueError, match="mmx"):
        NativeGraph(graph, isa="mmx")


def test_the_environment_chooses_the_instruction_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIC_ISA", "mmx")
    with pytest.raises(ValueError, match="mmx"):
        NativeGraph(Graph((Input("x", 1),), (0,)))


@pytest.mark.parametrize("name", ["avx512vnni", "avx512", "avx2", "sse41", "neon", "scalar"])
def test_networks_and_coder_take_the_same_names_on_every_machine(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIC_ISA", name)
    NativeGraph(Graph((Input("x", 1),), (0,)))
    chosen_instruction_set()
