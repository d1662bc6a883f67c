from __future__ import annotations

import torch

from lic.quantization.rounding import noisy, round_half_up


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
