"""ONNX Runtime and torch against the definition in NumPy, to the last bit."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lic.codec.executors.integers import GraphRunner
from lic.integer_networks import Graph
from lic.integer_networks.layers import Input
from lic.integer_networks.reference import run

from ..integer_networks.graphs import (
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

Check = Callable[..., None]


@pytest.fixture(
    params=[
        pytest.param("onnx", marks=pytest.mark.onnx),
        pytest.param("torch", marks=pytest.mark.torch),
    ]
)
def check(request: pytest.FixtureRequest) -> Check:
    """A function that compares a graph's outputs at some qualities with the reference's."""

    def opened(graph: Graph) -> GraphRunner:
        if request.param == "onnx":
            from lic.codec.executors.onnx_graph import OnnxGraph

            return OnnxGraph(graph)
        from lic.codec.executors.torch_graph import graphs_on

        return graphs_on("cpu")(graph)

    def compare(graph: Graph, inputs: Arrays, *qualities: int) -> None:
        runner = opened(graph)
        for quality in qualities:
            assert_equal(runner.run(inputs, quality), run(graph, inputs, quality))

    return compare


@pytest.mark.parametrize("seed", range(20))
def test_random_graphs_give_the_reference_s_integers(check: Check, seed: int) -> None:
    check(*random_graph(seed), 0, seed * 517, 10000)


@pytest.mark.parametrize("side", [3, 5, 7])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 9)])
def test_kernels_meet_all_borders_of_small_pictures(
    check: Check, side: int, height: int, width: int
) -> None:
    builder = Builder(side, Input("x", 5))
    graph = builder.graph(builder.depthwise(0, side))
    check(graph, inputs_of(graph, 2, height, width), 0)


@pytest.mark.parametrize("seed", range(5))
def test_convolutions_of_wide_limits_are_exact(check: Check, seed: int) -> None:
    builder = Builder(seed, Input("x", 64))
    graph = builder.graph(builder.convolution(0, 7), builder.convolution(0, 7, wide=True))
    check(graph, inputs_of(graph, 1, 5, 21), 0, 1234, 10000)


@pytest.mark.parametrize("components", [1, 2, 3, 4])
@pytest.mark.parametrize("wide", [True, False])
def test_mixtures_of_subsampled_heads_are_exact(check: Check, components: int, wide: bool) -> None:
    graph = mixture(components, wide)
    check(graph, inputs_of(graph, 2, 10, 6), 4321)


def test_the_largest_sums_factors_and_addends_are_exact(check: Check) -> None:
    check(*largest_sums(), 0)


def test_products_of_more_than_53_bits_are_rounded_right(check: Check) -> None:
    check(*just_below_half(), 0)


def test_the_largest_gates_and_gains_are_exact(check: Check) -> None:
    check(*largest_gates(), 0)
