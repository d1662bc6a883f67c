from __future__ import annotations

import pytest
import torch
from torch import Tensor

from lic.quantization.rounding import noisy, rescaled, round_half_up


def test_rounding_is_half_up_and_its_gradient_the_identity() -> None:
    x = torch.tensor([-2.5, -1.5, -0.4, 0.5, 1.49, 2.5, 1000.3], requires_grad=True)
    rounded = round_half_up(x)
    rounded.sum().backward()  # type: ignore[no-untyped-call]
    assert rounded.tolist() == [-2, -1, 0, 1, 1, 3, 1000]
    assert x.grad is not None
    assert (x.grad == 1).all()


def test_a_unit_learns_from_the_rounding_error_and_from_the_limit() -> None:
    unit = torch.tensor(0.5, requires_grad=True)
    for value, gradient in ((0.7, 1 - 0.7 / 0.5), (9.0, 7.0)):  # within, and beyond the limit of 7
        unit.grad = None
        (round_half_up(torch.tensor(value) / unit).clamp(-7, 7) * unit).backward()
        torch.testing.assert_close(unit.grad, torch.tensor(gradient))


def test_noise_has_the_variance_of_rounding() -> None:
    torch.manual_seed(0)
    noise = noisy(torch.zeros(100000))
    assert abs(float(noise.var()) - 1 / 12) < 0.002
    assert float(noise.abs().max()) <= 0.5


@pytest.mark.parametrize("by_picture", [False, True], ids=["a scale", "a scale by quality"])
def test_rescaling_has_the_values_and_gradients_of_its_steps(by_picture: bool) -> None:
    generator = torch.Generator().manual_seed(1)

    def random(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator, dtype=torch.float64)

    total = (100 * random(2, 3, 4, 5) - 50).requires_grad_()
    scale = random(*((2, 1, 1, 5) if by_picture else (5,))).requires_grad_()
    offset = (4 * random(2, 1, 1, 5)).requires_grad_()
    low, high = torch.full((5,), -7.0).double(), torch.full((5,), 9.0).double()
    weight = random(2, 3, 4, 5)
    results = []
    for made in (
        rescaled(total, scale, offset, low, high),
        (round_half_up(total * scale) + offset).clamp(low, high),
    ):
        gradients = torch.autograd.grad((made * weight).sum(), (total, scale, offset))
        results.append((made, *gradients))
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs)
    assert (results[0][1] == 0).any(), "nothing was beyond the limits"
    assert (results[0][1] != 0).any()


def test_rescaling_without_an_offset_takes_any_rounding() -> None:
    total, scale = torch.full((1, 1, 1, 1000), 0.4), torch.ones(1)
    torch.manual_seed(0)
    limit = torch.tensor(3.0)
    assert len(rescaled(total, scale, None, -limit, limit, noisy).unique()) > 100
    assert (rescaled(total, scale, None, -limit, limit) == 0).all()
