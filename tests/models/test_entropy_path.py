"""What every family's entropy path must keep to: each step sees the steps before it, no more."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from lic.models import create_model
from lic.models.entropy_path import EntropyPath
from lic.models.mixture import Mixture

SIDE = 8
FAMILIES: dict[str, tuple[str, dict[str, object]]] = {
    "deployable": (
        "deployable",
        {"width": 8, "latents": 8, "hyper": 4, "hyper_width": 8, "features": 8}
        | {"context_width": 8},
    ),
    "mlicv2": (
        "mlicv2",
        {"widths": (8, 8, 8), "latents": 12, "slices": 3, "hyper": 4, "components": 3},
    ),
    "mlicv2 without selection": (
        "mlicv2",
        {"widths": (8, 8, 8), "latents": 8, "slices": 2, "hyper": 4, "selective": False},
    ),
}


def awake(name: str) -> EntropyPath:
    """A path none of whose branches is zero, in float64."""
    torch.manual_seed(0)
    model, config = FAMILIES[name]
    path = create_model(model, config).entropy.double().eval()
    for parameter in path.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return path


def run(path: EntropyPath, symbols: Callable[[int, Tensor], Tensor]) -> list[Mixture]:
    """All steps' mixtures where ``symbols(step, centre)`` are decoded."""
    z = torch.linspace(-2, 2, 4 * (SIDE // 4) ** 2, dtype=torch.float64)
    found = []

    def quantise(step: int, mixture: Mixture) -> Tensor:
        found.append(mixture)
        return mixture.centre + symbols(step, mixture.centre)

    with torch.inference_mode():
        path(z.view(1, 4, SIDE // 4, -1), torch.tensor([0.5], dtype=torch.float64), quantise)
    return found


def tensors(mixture: Mixture) -> list[Tensor]:
    every = (mixture.centre, mixture.offsets, mixture.log_scales, mixture.logits)
    return [*every] if mixture.selection is None else [*every, mixture.selection]


@pytest.mark.parametrize("name", FAMILIES)
def test_the_steps_take_every_latent_exactly_once(name: str) -> None:
    path = awake(name)
    channels = path.latent_gain.log_gain.shape[1]
    y = torch.arange(channels * SIDE**2, dtype=torch.float64).view(1, channels, SIDE, SIDE) + 1
    parts = [path.gather(y, step) for step in range(path.step_count)]
    assert torch.equal(torch.cat([p.flatten() for p in parts]).sort().values, y.flatten())
    assert torch.equal(sum(path.scatter(p, s) for s, p in enumerate(parts)), y)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_symbol_changes_only_parameters_of_later_steps(name: str) -> None:
    path = awake(name)
    before = run(path, lambda step, centre: torch.zeros_like(centre))
    for changed in range(path.step_count):

        def one(step: int, centre: Tensor, changed: int = changed) -> Tensor:
            symbols = torch.zeros_like(centre)
            if step == changed:
                symbols[0, 1, 1, 1] = 3
            return symbols

        after = run(path, one)
        for step, (old, new) in enumerate(zip(before, after, strict=True)):
            same = all(map(torch.equal, tensors(old), tensors(new)))
            assert same == (step <= changed)
