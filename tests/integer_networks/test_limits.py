"""The analysis of an encoder: exact within the range of calibration, limited beyond."""

from __future__ import annotations

import numpy as np
import pytest

from lic.integer_networks import Graph
from lic.integer_networks.codec_network import CodecNetwork
from lic.integer_networks.layers import Add, Convolution, Gate, Input
from lic.integer_networks.limits import LIMIT, within_calibration
from lic.integer_networks.native import NativeGraph
from lic.integer_networks.reference import run
from lic.integer_networks.values import Multiplier

LARGEST = 32767
EVERY = np.arange(-LARGEST, LARGEST + 1, dtype=np.int16)
# Times 2**31 - 1 / 2**31: the number itself, for any of 16 bits.
ONE = Multiplier(fixed=np.array([2**31 - 1], np.int32))


def outputs(graph: Graph, *inputs: np.ndarray) -> np.ndarray:
    """A graph's output, by C++ and by the definition alike."""
    (found,) = NativeGraph(graph).run(inputs, 5000)
    (expected,) = run(graph, inputs, 5000)
    assert (found == expected).all()
    return found


def test_a_gates_results_are_limited_and_otherwise_the_same() -> None:
    # Open enough, with this multiplier, to pass every value as it is.
    three = 2**14
    graph = Graph((Input("x", 2), Gate((0,), three, 2**16)), (1,))
    x = np.stack((EVERY, np.full_like(EVERY, three)), axis=-1)[None, None]
    assert (outputs(graph, x)[..., 0] == EVERY).all()
    limited = outputs(within_calibration(graph), x)[..., 0]
    assert (limited == np.clip(EVERY, -LIMIT, LIMIT)).all()


def test_what_a_branch_adds_is_limited_and_the_stream_is_not() -> None:
    def same(source: int) -> Convolution:
        return Convolution((source,), np.ones((1, 1), np.int8), np.zeros(1, np.int32), ONE)

    graph = Graph((Input("x", 1), same(0), Input("branch", 1), same(2), Add((1, 3))), (4,))
    values, none = EVERY[None, None, :, None], np.zeros((1, 1, EVERY.size, 1), np.int16)
    limited = within_calibration(graph)
    assert (outputs(limited, values, none) == values).all()
    assert (outputs(limited, none, values) == np.clip(values, -LIMIT, LIMIT)).all()


@pytest.mark.parametrize("quality", [0, 10000])
def test_a_whole_analysis_keeps_its_shape_and_gives_other_values_beyond_the_limit_alone(
    network: CodecNetwork, quality: int
) -> None:
    limited = within_calibration(network.analysis)
    pixels = np.random.default_rng(quality).integers(-2, 3, (1, 64, 64, 3), dtype=np.int16)
    for factor in (1, 127):
        graphs = (network.analysis, limited)
        (a,), (b,) = (NativeGraph(graph).run((pixels * factor,), quality) for graph in graphs)
        assert a.shape == b.shape
        if factor == 1:
            assert (a == b).all()
    assert limited.reach == network.analysis.reach
