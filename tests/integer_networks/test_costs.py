from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from lic.codec.manifest import find
from lic.codec.weights import read_codec
from lic.integer_networks.codec_network import CodecNetwork
from lic.integer_networks.costs import costs, kmac_per_pixel, parameter_count, parts
from lic.integer_networks.graph import Graph
from lic.integer_networks.layers import Convolution, Depthwise, Gain, Input
from lic.integer_networks.values import Multiplier


def _with_weights(network: CodecNetwork, weights: Graph) -> CodecNetwork:
    return replace(network, corrector=weights)


def _corrector(network: CodecNetwork, scale: int, *, narrow: bool = False) -> Graph:
    """A convolution of features to latents whose weights are -7 to 7 times a scale."""
    features = network.hyper_synthesis.values[network.hyper_synthesis.outputs[0]].channels
    shape = (network.latents, features)
    weights = (scale * np.resize(np.arange(-7, 8), shape)).astype(np.int16)
    bias = np.zeros(network.latents, np.int32)
    half = Multiplier(fixed=np.full(network.latents, 2**30, np.int32))
    gain = Multiplier(fixed=np.full(features, 2**12, np.int32))
    limits = (-127, 127) if narrow else (-32767, 32767)
    layers = (Input("features", features), Gain((0,), gain, *limits))
    return Graph((*layers, Convolution((1,), weights, bias, half)), (2,))


def test_a_common_power_of_two_costs_no_bits(network: CodecNetwork) -> None:
    found = [costs(_with_weights(network, _corrector(network, scale)), 1) for scale in (1, 2, 8)]
    assert len({(c.weight_bits, c.bit_operations, c.bytes) for c in found}) == 1


def test_bits_are_those_of_the_weights_and_of_what_they_multiply(network: CodecNetwork) -> None:
    wide, narrow = (
        costs(_with_weights(network, _corrector(network, 1, narrow=narrow)), 1)
        for narrow in (False, True)
    )
    without = costs(replace(network, corrector=None), 1)
    numbers = _corrector(network, 1).layers[2]
    assert isinstance(numbers, Convolution)
    kilo = numbers.weights.size / 16**2 / 1000  # multiplications a pixel
    assert math.isclose(wide.bit_operations - without.bit_operations, 4 * 16 * kilo)
    assert math.isclose(narrow.bit_operations - without.bit_operations, 4 * 8 * kilo)
    assert wide.bytes - without.bytes == numbers.weights.size / 2 + 8 * len(numbers.bias)
    assert 8 < narrow.activation_bits < wide.activation_bits <= 16
    assert wide.milliseconds > 0


def test_all_parts_are_counted_at_their_resolution(network: CodecNetwork) -> None:
    found = list(parts(network))
    assert len(found) == 8 + (network.corrector is not None)
    assert [stride for _, _, stride in found[:3]] == [1, Fraction(1, 16), Fraction(1, 64)]
    layers = [layer for _, graph, _ in found for layer in graph.layers]
    assert any(isinstance(layer, Depthwise) for layer in layers)


def test_multiplications_a_pixel_are_those_of_the_float_network() -> None:
    _, trained = read_codec(find("small-3").file.read_bytes())
    known = find("small-2").entry
    assert {part: round(cost, 3) for part, cost in kmac_per_pixel(trained).items()} == {
        part: pytest.approx(cost, abs=0.002) for part, cost in known.kmac_per_pixel.items()
    }
    assert 0.99 < parameter_count(trained) / known.parameters < 1
