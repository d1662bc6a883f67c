from __future__ import annotations

import pytest
import torch

from lic.models import create_preset
from lic.models.deployable.context import STEPS, gather_step, scatter_step


def test_the_four_steps_take_every_latent_exactly_once() -> None:
    y = torch.arange(8 * 4 * 6, dtype=torch.float32).view(1, 8, 4, 6) + 1
    parts = [gather_step(y, step) for step in range(STEPS)]
    assert torch.equal(torch.cat(parts).flatten().sort().values, y.flatten())
    assert torch.equal(sum(scatter_step(p, s) for s, p in enumerate(parts)), y)


@pytest.mark.parametrize("step", range(STEPS))
def test_parameters_never_depend_on_latents_of_the_same_or_later_steps(step: int) -> None:
    torch.manual_seed(0)
    path = create_preset("tiny").entropy.double()
    for parameter in path.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    features = torch.randn(1, 32, 8, 8, dtype=torch.float64)
    y = torch.randn(1, 32, 8, 8, dtype=torch.float64, requires_grad=True)
    known = sum((scatter_step(gather_step(y, s), s) for s in range(step)), torch.zeros_like(y))
    path.steps[step](features, known).square().sum().backward()
    assert y.grad is not None or step == 0
    for s in range(STEPS):
        touched = y.grad is not None and bool(gather_step(y.grad, s).any())
        assert touched == (s < step)
