from fractions import Fraction

import numpy as np
import pytest

from lic.integer_networks import Graph, GraphError
from lic.integer_networks.layers import (
    Add,
    Concatenation,
    Convolution,
    Depthwise,
    Input,
    Mixture,
    Shuffle,
    Subsample,
    Unshuffle,
)
from lic.integer_networks.values import Multiplier


def _multiplier(channels: int) -> Multiplier:
    return Multiplier(fixed=np.full(channels, 2**24, dtype=np.int32))


def _convolution(
    source: int, inputs: int, outputs: int, weight: int = 1, **options: int
) -> Convolution:
    weights = np.full((outputs, inputs), weight, dtype=np.int16)
    bias = np.zeros(outputs, dtype=np.int32)
    return Convolution((source,), weights, bias, _multiplier(outputs), **options)


def _depthwise(source: int, channels: int, side: int) -> Depthwise:
    weights = np.ones((side, side, channels), dtype=np.int8)
    bias = np.zeros(channels, dtype=np.int32)
    return Depthwise((source,), weights, bias, _multiplier(channels))


def test_a_sum_that_can_reach_the_limit_is_accepted_and_one_more_refused() -> None:
    # 2 * 32767 * 32767 + bias = 2**31 - 1 with this bias.
    bias = np.array([2**31 - 1 - 2 * 32767 * 32767], dtype=np.int32)
    weights = np.full((1, 2), 32767, dtype=np.int16)
    Graph((Input("x", 2), Convolution((0,), weights, bias, _multiplier(1))), (1,))
    with pytest.raises(GraphError, match="overflow"):
        Graph((Input("x", 2), Convolution((0,), weights, bias + 1, _multiplier(1))), (1,))


def test_the_proof_uses_the_bounds_of_the_values() -> None:
    Graph((Input("x", 3, -255, 255), _convolution(0, 3, 4, 32767)), (1,))
    with pytest.raises(GraphError, match="overflow"):
        Graph((Input("x", 3), _convolution(0, 3, 4, 32767)), (1,))


def test_a_relu_halves_what_the_next_sum_can_reach() -> None:
    mixed = np.array([[32767, 32767, -32767, -32767]], dtype=np.int16)
    bias = np.zeros(1, dtype=np.int32)

    def graph(low: int) -> Graph:
        first = _convolution(0, 1, 4, low=low)
        second = Convolution((1,), mixed, bias, _multiplier(1))
        return Graph((Input("x", 1), first, second), (2,))

    graph(0)
    with pytest.raises(GraphError, match="overflow"):
        graph(-32767)


def test_a_wide_result_cannot_be_used_as_an_activation() -> None:
    wide = _convolution(0, 1, 1, high=2**30)
    with pytest.raises(GraphError, match="16 bits"):
        Graph((Input("x", 1), wide, _convolution(1, 1, 1)), (2,))


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (_convolution(0, 3, 2), "weights"),
        (_convolution(1, 2, 2), "source"),
        (_convolution(-1, 2, 2), "source"),
        (Add((0,)), "number of sources"),
        (Unshuffle((0,), 3), "factor"),
        (Shuffle((0,), 2), "divide"),
        (Mixture((0,), 5), "components"),
        (Convolution((0,), np.ones((2, 2), dtype=np.int32), np.zeros(2), _multiplier(2)), "weigh"),  # type: ignore[arg-type]
        (_depthwise(0, 2, 4), "3, 5 or 7"),
        (Depthwise((0,), np.int16(1), np.zeros(2), _multiplier(2)), "3, 5 or 7"),  # type: ignore[arg-type]
        (Depthwise((0,), np.array(1), np.zeros(2), _multiplier(2)), "3, 5 or 7"),  # type: ignore[arg-type]
        (Convolution((0,), np.array(1), np.zeros(2), _multiplier(2)), "channels"),  # type: ignore[arg-type]
    ],
)
def test_a_layer_that_does_not_fit_is_refused(layer: Convolution, message: str) -> None:
    with pytest.raises(GraphError, match=message):
        Graph((Input("x", 2), layer), (1,))


def test_a_negative_multiplier_is_refused() -> None:
    with pytest.raises(GraphError, match="negative"):
        Multiplier(fixed=np.array([-1], dtype=np.int32)).check(1)


def test_the_reach_counts_depthwise_convolutions_at_their_resolution() -> None:
    graph = Graph(
        (
            Input("x", 1),
            _depthwise(0, 1, 3),
            Unshuffle((1,), 2),
            _depthwise(2, 4, 5),
            Shuffle((3,), 2),
            _depthwise(4, 1, 7),
        ),
        (5,),
    )
    assert graph.reach == Fraction(1 + 2 * 2 + 3)
    assert graph.unit == 2


def test_inputs_that_do_not_fit_are_refused() -> None:
    graph = Graph((Input("x", 1, 0, 9), Unshuffle((0,), 2)), (1,))
    good = np.zeros((1, 4, 4, 1), dtype=np.int16)
    assert graph.check_inputs((good,)) == (1, 4, 4)
    for bad in (good[:, :3], good.astype(np.int32), good + np.int16(10), good[:, :0]):
        with pytest.raises(ValueError, match=r"sides|int16|bounds|empty"):
            graph.check_inputs((bad,))  # type: ignore[arg-type]


def test_values_have_limited_channels_alone_and_together() -> None:
    widest = (Input("x", 8192), Concatenation((0,)))
    Graph(widest, (1,))
    with pytest.raises(GraphError, match="together"):
        Graph(widest + 15 * (Concatenation((0,)),), (1,))
    with pytest.raises(GraphError, match="too many channels"):
        Graph((*widest, Concatenation((0, 1))), (2,))
    with pytest.raises(GraphError, match="too many channels"):
        Graph((*widest, Mixture((0, 0, 0), 1)), (2,))


def test_resolutions_are_limited() -> None:
    more = (Concatenation((2, 2)), Shuffle((3,), 2))
    halves = tuple(Subsample((place,), 0, 0) for place in range(13))
    Graph((Input("x", 1), *halves[:12]), (12,))
    with pytest.raises(GraphError, match="resolution"):
        Graph((Input("x", 1), *halves), (13,))
    with pytest.raises(GraphError, match="resolution"):
        Graph((Input("x", 8192), Shuffle((0,), 8), Shuffle((1,), 8), *more), (4,))


def test_the_unit_is_a_multiple_of_all_divisors_however_large() -> None:
    inputs = tuple(Input("x", 1, divisor=divisor) for divisor in range(1, 65))
    unit = Graph(inputs, (0,)).unit
    assert unit > 2**63
    assert all(unit % divisor == 0 for divisor in range(1, 65))


def test_the_density_counts_the_numbers_of_all_values_for_a_place_of_the_input() -> None:
    graph = Graph((Input("x", 4), Shuffle((0,), 2), Subsample((0,), 0, 0)), (1,))
    assert graph.density == 4 + 4 + 1
