from __future__ import annotations

import pytest
import torch
from torch import Tensor

from lic.models.deployable.model import Deployable
from lic.quantization.calibration import PartRanges
from lic.quantization.quantized_codec import QuantizedCodec
from lic.quantization.search.costs import Costs
from lic.quantization.search.gradient import (
    GradientSearch,
    MixedGraph,
    Relaxation,
    power_annealing,
    search,
)
from lic.quantization.search.space import Architecture, Space, space_of


@pytest.fixture(scope="module")
def space(small_model: Deployable) -> Space:
    return space_of(small_model)


@pytest.fixture
def codec(small_model: Deployable, small_ranges: PartRanges, space: Space) -> QuantizedCodec:
    return QuantizedCodec(small_model, space.plans(), small_ranges).eval()


def _decided(relaxation: Relaxation, architecture: Architecture) -> None:
    for logits, number in zip(relaxation.logits, architecture.numbers, strict=True):
        logits.data[number] = 60.0


@torch.no_grad()
@pytest.mark.parametrize("max_w", [False, True])
def test_a_decided_mixture_computes_what_its_architecture_does(
    space: Space, codec: QuantizedCodec, max_w: bool
) -> None:
    kept = {s.name: s.choices[0] for s in space.sites}
    site = next(s for s in space.sites if s.name == "synthesis.blocks.2")
    kept["synthesis.blocks.2"] = next(
        c for c in site.choices if c.shape == site.shapes[-1] and c.bits == site.choices[0].bits
    )
    architecture = space.nearest(kept)
    x, quality = torch.rand(1, 3, 64, 64), torch.tensor([0.7])
    codec.choose(space.plan(architecture), space.shapes(architecture))
    expected = codec(x, quality)["x_hat"]
    relaxation = Relaxation(space, codec, GradientSearch(noise=False, max_w=max_w))
    _decided(relaxation, architecture)
    codec.choose_graph(lambda: MixedGraph(relaxation))
    mixed = codec(x, quality)["x_hat"]
    assert relaxation.best() == architecture
    assert float((mixed - expected).abs().mean()) < 1 / 255


def test_a_high_penalty_finds_cheap_architectures_and_none_leaves_dear_ones(
    space: Space, codec: QuantizedCodec
) -> None:
    costs = Costs(space, codec)

    def batch(step: int) -> tuple[Tensor, Tensor]:
        torch.manual_seed(step)
        return torch.rand(1, 3, 64, 64), torch.rand(1)

    found = {}
    for penalty in (0.0, 1e4):
        settings = GradientSearch(12, 0.2, penalty, logit_rate=0.5)
        relaxation = Relaxation(space, codec, settings)
        *_, last = search(relaxation, codec, costs, 0, (batch, batch), lambda step, loss: None)
        found[penalty] = costs.of(last).bit_operations
    assert found[1e4] < 0.5 * found[0.0]


def test_the_entropy_of_choices_is_greatest_at_the_start(
    space: Space, codec: QuantizedCodec
) -> None:
    relaxation = Relaxation(space, codec, GradientSearch())
    assert float(relaxation.entropy().detach()) == pytest.approx(1)
    _decided(relaxation, space.smallest)
    assert float(relaxation.entropy().detach()) == pytest.approx(0, abs=1e-6)


def test_power_annealing_falls_from_one_to_zero_and_early_for_high_powers() -> None:
    for power in (2.0, 10.0):
        rates = [power_annealing(i / 20, power) for i in range(21)]
        assert rates[0] == pytest.approx(1)
        assert rates[-1] == pytest.approx(0)
        assert rates == sorted(rates, reverse=True)
    assert power_annealing(0.5, 10) < power_annealing(0.5, 2)
