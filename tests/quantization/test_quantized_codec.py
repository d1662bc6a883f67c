"""Networks in integers while they are trained, against the integers that they are lowered to."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from lic.integer_networks.graph import Graph, MixtureArrays
from lic.integer_networks.layers import Convolution, Depthwise
from lic.integer_networks.reference import run
from lic.models.deployable.model import Deployable
from lic.models.deployable.transforms import BlockShape
from lic.quantization.bits import BitPlan, LayerBits, parse_bits
from lic.quantization.calibration import PartRanges
from lic.quantization.float_graph import Shapes
from lic.quantization.quantized_codec import QuantizedCodec
from lic.quantization.quantized_part import Ends, QuantizedPart
from lic.quantization.search.supernet import training_loss

QUALITY = 6100


MIXED = BitPlan(
    LayerBits(8, 8),
    LayerBits(8, 16),
    {"synthesis.blocks.1": LayerBits(4, 12), "entropy.steps.2": LayerBits(6, 8)},
)
SMALLER: Shapes = {
    "synthesis.blocks.0": None,
    "synthesis.blocks.2": BlockShape(3, 0.5),
    "entropy.steps.1.blocks.0": BlockShape(3, 1.0),
}


def _inputs(graph: Graph, seed: int) -> list[NDArray[np.int16]]:
    rng = np.random.default_rng(seed)
    return [
        rng.integers(x.low // 16, x.high // 16 + 1, (1, 16, 16, x.channels)).astype(np.int16)
        for x in graph.inputs
    ]


def _assert_same(part: QuantizedPart, ends: Ends, seed: int) -> None:
    lowered = part.lower(ends)
    inputs = _inputs(lowered, seed)
    (expected,) = run(lowered, tuple(inputs), QUALITY)
    quality = torch.tensor([QUALITY / 10000], dtype=torch.float64)
    whole, _ = part.run(ends, [torch.from_numpy(x).double() for x in inputs], quality)
    if isinstance(expected, MixtureArrays):
        latents = expected.centres.shape[3]
        places = whole.unflatten(3, (4, -1)).unflatten(4, (-1, latents // 4))
        centres = places[:, :, :, :, 0].flatten(3)
        scales = places[:, :, :, :, 1].flatten(3)
        assert (centres.numpy() == expected.centres).all()
        wanted = np.clip((scales.long().numpy() + 128) >> 8, 0, 255)
        assert (wanted == expected.scales[:, 0]).all()
    else:
        assert len(np.unique(expected)) > 9
        assert (whole.numpy() == expected).all()


@torch.no_grad()
@pytest.mark.parametrize("plan", [BitPlan(), parse_bits("8"), parse_bits("w4a6"), MIXED])
@pytest.mark.parametrize("shapes", [{}, SMALLER], ids=["whole", "smaller"])
def test_every_part_agrees_with_its_lowered_graph_to_the_last_integer(
    small_model: Deployable, small_ranges: PartRanges, plan: BitPlan, shapes: Shapes
) -> None:
    codec = QuantizedCodec(small_model, [plan], small_ranges)
    for parameter in codec.parameters():  # away from the start, as after training
        parameter += 0.01 * torch.randn_like(parameter)
    codec.choose(plan, shapes)
    exact = deepcopy(codec).double().train()
    assert len(exact.parts()) == 9
    for seed, (part, ends) in enumerate(exact.parts()):
        _assert_same(part, ends, seed)


def test_a_network_goes_between_plans_with_one_set_of_weights(
    small_model: Deployable, small_ranges: PartRanges
) -> None:
    codec = QuantizedCodec(small_model, [parse_bits("8"), parse_bits("w4a6")], small_ranges).eval()
    sizes = []
    for bits in ("8", "w4a6", "8"):
        codec.choose(parse_bits(bits))
        layers = codec.lower().synthesis.layers
        weights = [x.weights for x in layers if isinstance(x, Convolution | Depthwise)]
        sizes.append(sum(len(np.unique(w)) for w in weights))
    assert sizes[0] == sizes[2] > 4 * sizes[1]


def test_all_that_is_learned_has_gradients(
    small_model: Deployable, small_ranges: PartRanges
) -> None:
    codec = QuantizedCodec(small_model, [parse_bits("w6a8")], small_ranges).train()
    loss = training_loss(codec, torch.rand(2, 3, 64, 64), torch.tensor([0.2, 0.8]))
    loss.backward()  # type: ignore[no-untyped-call]
    for name, parameter in codec.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
    learned = [p.grad for n, p in codec.named_parameters() if ".learned." in n]
    assert np.mean([bool(g.any()) for g in learned if g is not None]) > 0.9
