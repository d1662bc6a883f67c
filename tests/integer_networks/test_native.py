"""The C++ executor against the definition in NumPy, to the last bit."""

from __future__ import annotations

import numpy as np
import pytest

from lic.entropy_coding.coder import chosen_instruction_set
from lic.integer_networks import Graph
from lic.integer_networks.layers import Add, Convolution, Gain, Gate, HardSwish, Input
from lic.integer_networks.native import NativeGraph, instruction_sets
from lic.integer_networks.reference import run

from .graphs import (
    LARGEST,
    Arrays,
    Builder,
    assert_equal,
    inputs_of,
    just_below_half,
    largest_gates,
    largest_sums,
    mixture,
    random_graph,
)

ISAS = instruction_sets()


def _check(graph: Graph, inputs: Arrays, quality: int) -> None:
    expected = run(graph, inputs, quality)
    for isa in ISAS:
        for threads in (1, 2, 4):
            native = NativeGraph(graph, isa=isa, threads=threads)
            assert_equal(native.run(inputs, quality), expected)


@pytest.mark.parametrize("seed", range(40))
def test_random_graphs_give_the_reference_s_integers(seed: int) -> None:
    _check(*random_graph(seed), seed * 251)


@pytest.mark.parametrize("side", [3, 5, 7])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 50), (50, 2), (9, 101)])
def test_kernels_meet_all_borders_of_small_and_large_pictures(
    side: int, height: int, width: int
) -> None:
    for channels in (1, 16, 37):
        builder = Builder(channels, Input("x", channels))
        graph = builder.graph(builder.depthwise(0, side))
        _check(graph, inputs_of(graph, 2, height, width), 0)


@pytest.mark.parametrize("inputs", [1, 2, 31, 64])
@pytest.mark.parametrize("outputs", [1, 7, 32, 65])
def test_convolutions_of_all_sizes_are_exact(inputs: int, outputs: int) -> None:
    builder = Builder(inputs + outputs, Input("x", inputs))
    narrow, wide = builder.convolution(0, outputs), builder.convolution(0, outputs, wide=True)
    graph = builder.graph(narrow, wide)
    _check(graph, inputs_of(graph, 1, 5, 21), 10000)


@pytest.mark.parametrize("inputs", [1, 3, 4, 31, 64])
@pytest.mark.parametrize("outputs", [1, 33])
@pytest.mark.parametrize("bounds", [(-128, 127), (0, 255), (-10, 245), (-9, 247)])
def test_convolutions_of_bytes_are_exact(
    inputs: int, outputs: int, bounds: tuple[int, int]
) -> None:
    builder = Builder(inputs + outputs, Input("x", inputs))
    narrow = builder.add(Gain((0,), builder.gain(0), *bounds))
    # Weights of 8 bits times powers of two, and others that do not fit.
    for largest in (127, 128):
        weights = builder.random.integers(-largest, largest + 1, (outputs, inputs))
        weights[0, 0] = largest
        weights = weights << builder.random.integers(0, 5, (outputs, 1))
        for wide in (False, True):
            limit = 2**30 if wide else LARGEST
            factor = builder.multiplier(outputs, 30 if wide else 20)
            bias = builder.bias(outputs)
            builder.add(
                Convolution((narrow,), weights.astype(np.int16), bias, factor, -limit, limit)
            )
    graph = builder.graph(*range(2, len(builder.layers)))
    _check(graph, inputs_of(graph, 1, 5, 21), 5000)


def test_a_token_mixing_block_is_exact_where_threads_share_its_pixels() -> None:
    builder = Builder(1, Input("x", 48))
    x = builder.convolution(0, 96)
    x = builder.depthwise(builder.add(HardSwish((x,), 5000, 2**18)), 5)
    x = builder.convolution(builder.add(Gate((x,), 5000, 2**19)), 48)
    x = builder.add(Add((0, x)))
    y = builder.add(HardSwish((builder.convolution(x, 192),), 5000, 2**18))
    graph = builder.graph(builder.add(Add((x, builder.convolution(y, 48)))))
    _check(graph, inputs_of(graph, 2, 31, 57), 0)


@pytest.mark.parametrize("components", [1, 2, 3, 4])
@pytest.mark.parametrize("wide", [True, False])
def test_mixtures_of_subsampled_heads_are_exact(components: int, wide: bool) -> None:
    graph = mixture(components, wide)
    _check(graph, inputs_of(graph, 2, 40, 66), 4321)


def test_the_largest_sums_factors_and_addends_are_exact() -> None:
    _check(*largest_sums(), 0)


def test_products_of_more_than_53_bits_are_rounded_right() -> None:
    _check(*just_below_half(), 0)


def test_the_largest_gates_and_gains_are_exact() -> None:
    _check(*largest_gates(), 0)


def test_one_graph_runs_at_many_qualities_and_sizes() -> None:
    builder = Builder(5, Input("x", 9))
    graph = builder.graph(builder.depthwise(builder.convolution(0, 20), 3))
    native = NativeGraph(graph, threads=2)
    for height, quality in ((8, 0), (8, 5000), (3, 5000), (17, 10000), (8, 0)):
        inputs = inputs_of(graph, 1, height, 7)
        assert_equal(native.run(inputs, quality), run(graph, inputs, quality))


def test_arrays_that_are_not_contiguous_are_read_right() -> None:
    builder = Builder(6, Input("x", 4))
    graph = builder.graph(builder.convolution(0, 6))
    inputs = (inputs_of(graph, 1, 8, 8)[0].transpose(0, 2, 1, 3),)
    assert_equal(NativeGraph(graph).run(inputs, 0), run(graph, inputs, 0))


def test_inputs_that_do_not_fit_are_refused() -> None:
    builder = Builder(7, Input("x", 4), Input("y", 4, -5, 5))
    graph = builder.graph(builder.add(Add((0, 1))))
    x, y = inputs_of(graph, 1, 4, 4)
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


@pytest.mark.parametrize(
    "name", ["avx512vnni", "avx512", "avxvnni", "avx2", "sse41", "neon", "scalar"]
)
def test_networks_and_coder_take_the_same_names_on_every_machine(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIC_ISA", name)
    NativeGraph(Graph((Input("x", 1),), (0,)))
    chosen_instruction_set()
