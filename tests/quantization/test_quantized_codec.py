"""Networks in integers while they are trained, against the integers that they are lowered to."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from lic.integer_networks.graph import Graph, MixtureArrays
from lic.integer_networks.reference import run
from lic.models import create_model
from lic.models.deployable.model import Deployable
from lic.models.deployable.transforms import BlockShape
from lic.quantization.bits import BitPlan, LayerBits, parse_bits
from lic.quantization.calibration import PartRanges, calibrate
from lic.quantization.float_graph import Shapes
from lic.quantization.quantized_codec import Ends, QuantizedCodec, QuantizedPart

QUALITY = 6100


@pytest.fixture(scope="module")
def model() -> Deployable:
    """A small network, no weight of which is zero."""
    torch.manual_seed(5)
    config = {"width": 24, "latents": 32, "hyper": 8, "hyper_width": 16, "features": 16}
    sizes = {"context_width": 24, "synthesis_kernels": (5,), "correction": True}
    model = create_model("deployable", {**config, **sizes})
    assert isinstance(model, Deployable)
    for parameter in model.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    model.side.freeze()
    return model.eval()


@pytest.fixture(scope="module")
def ranges(model: Deployable) -> PartRanges:
    torch.manual_seed(7)
    return calibrate(model, [torch.rand(1, 3, 64, 128) for _ in range(2)])


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
    model: Deployable, ranges: PartRanges, plan: BitPlan, shapes: Shapes
) -> None:
    codec = QuantizedCodec(model, [plan], ranges)
    for parameter in codec.parameters():  # away from the start, as after training
        parameter += 0.01 * torch.randn_like(parameter)
    codec.choose(plan, shapes)
    exact = deepcopy(codec).double().train()
    assert len(exact.parts()) == 9
    for seed, (part, ends) in enumerate(exact.parts()):
        _assert_same(part, ends, seed)
