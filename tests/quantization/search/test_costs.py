from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lic.integer_networks.layers import Convolution, Depthwise
from lic.models.complexity import kmac_per_pixel
from lic.models.deployable.model import Deployable
from lic.quantization.bits import LayerBits
from lic.quantization.calibration import PartRanges
from lic.quantization.quantized_codec import QuantizedCodec
from lic.quantization.search.costs import Costs, key, measured_time, time_table
from lic.quantization.search.space import Space, space_of


@pytest.fixture(scope="module")
def space(small_model: Deployable) -> Space:
    return space_of(small_model)


@pytest.fixture(scope="module")
def codec(small_model: Deployable, small_ranges: PartRanges, space: Space) -> QuantizedCodec:
    return QuantizedCodec(small_model, space.plans(), small_ranges).eval()


def test_bit_operations_are_the_networks_multiplications_times_the_bits(
    small_model: Deployable, space: Space, codec: QuantizedCodec
) -> None:
    costs = Costs(space, codec)
    kmac = kmac_per_pixel(small_model)
    once = kmac["encode"] + kmac["synthesis"]
    stem = 3 * 64 * 24 / 64 / 1000  # what reads pixels has 8 bits always
    for weights, activations in ((12, 16), (8, 8), (4, 16)):
        cost = costs.of(space.uniform(LayerBits(weights, activations)))
        expected = weights * (activations * (once - stem) + 8 * stem)
        assert cost.bit_operations == pytest.approx(expected, rel=1e-3)


def test_bytes_are_those_of_the_weights_and_of_8_for_each_output(
    space: Space, codec: QuantizedCodec
) -> None:
    drawn = space.uniform(LayerBits(8, 8))
    codec.choose(space.plan(drawn), space.shapes(drawn))
    network = codec.lower()
    graphs = [network.analysis, network.hyper_analysis, network.hyper_synthesis, *network.steps]
    assert network.corrector is not None
    graphs += [network.corrector, network.synthesis]
    kinds = (Convolution, Depthwise)
    layers = [layer for graph in graphs for layer in graph.layers if isinstance(layer, kinds)]
    size = sum(layer.weights.size + 8 * layer.bias.size for layer in layers)
    assert Costs(space, codec).of(drawn).bytes == size


def test_smaller_choices_of_a_site_cost_less(space: Space, codec: QuantizedCodec) -> None:
    for site, table in zip(space.sites, Costs(space, codec).tables, strict=True):
        for number, choice in enumerate(site.choices):
            if choice.present and choice.bits.weights > 4:
                fewer = replace(choice, bits=LayerBits(4, choice.bits.activations))
                assert (table[site.choices.index(fewer)] < table[number]).all()
            if not choice.present:
                assert not table[number].any()


def test_every_choice_has_a_time(space: Space, codec: QuantizedCodec) -> None:
    few = Space(tuple(s for s in space.sites if s.name in ("synthesis.up", "analysis.stem")))
    times = time_table(few, codec)
    names = {key(s.name, c) for s in few.sites for c in s.choices}
    assert times.keys() == names
    assert min(times.values()) > 0
    assert np.isfinite(measured_time(codec))
