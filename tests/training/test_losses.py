from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
import torch

from lic.codec.errors import MissingPackageError
from lic.training.config import TrainingConfig
from lic.training.losses import distortion, mean_squared_error, rate_distortion_loss


def test_the_loss_is_zero_only_without_rate_and_distortion() -> None:
    x = torch.rand(2, 3, 4, 4)
    sure = torch.ones(2, 1, 1, 1)
    out: Any = {"x_hat": x, "likelihoods": {"y": sure, "z": sure}}
    trade_off = torch.tensor([0.01, 0.04])
    assert rate_distortion_loss(out, x, trade_off, mean_squared_error)[0] == 0
    out = {"x_hat": x + 1 / 255, "likelihoods": {"y": sure / 2**16, "z": sure}}
    loss, bpp, mse = rate_distortion_loss(out, x, trade_off, mean_squared_error)
    assert bpp.item() == pytest.approx(1.0)
    assert mse.item() == pytest.approx(1.0, rel=1e-3)
    assert loss.item() == pytest.approx(np.mean([1.01 / 0.1, 1.04 / 0.2]), rel=1e-3)


def test_a_crop_beyond_the_limit_has_the_gradient_of_one_at_it() -> None:
    x = torch.zeros(2, 3, 4, 4)
    sure = torch.ones(2, 1, 1, 1)
    gradients = []
    for limit in (float("inf"), 1.0):
        x_hat = torch.tensor([0.001, 0.1]).view(2, 1, 1, 1).expand_as(x).clone().requires_grad_()
        out: Any = {"x_hat": x_hat, "likelihoods": {"y": sure, "z": sure}}
        loss = rate_distortion_loss(out, x, torch.full((2,), 0.01), mean_squared_error, limit)[0]
        loss.backward()
        assert x_hat.grad is not None
        gradients.append(x_hat.grad)
    assert loss <= 1
    free, limited = gradients
    assert torch.equal(free[0], limited[0])
    torch.testing.assert_close(limited[1], free[1] / (0.01 * 25.5**2 / 0.1))


@pytest.mark.parametrize("loss", ["mse", "ms-ssim", "yuv"])
@pytest.mark.parametrize("side", [64, 128, 256])
def test_every_distortion_is_zero_for_equal_pictures_and_grows_with_noise(
    loss: str, side: int
) -> None:
    measure = distortion(TrainingConfig(steps=1, loss=loss, crop=side))
    random = torch.Generator().manual_seed(0)
    x = torch.rand(2, 3, side, side, generator=random)
    noise = torch.rand(2, 3, side, side, generator=random) - 0.5
    values = [measure(x + amount * noise, x) for amount in (0.0, 0.02, 0.1)]
    assert values[0].tolist() == pytest.approx([0, 0], abs=1e-3)
    assert (values[1] > values[0]).all()
    assert (values[2] > values[1]).all()


def test_yuv_minds_luma_more_than_colour_and_its_weight_mixes_it_with_rgb() -> None:
    x = torch.full((1, 3, 64, 64), 0.5)
    gray = x + 0.1
    colour = x + 0.1 * torch.tensor([1.0, -1.0, 1.0]).view(1, 3, 1, 1)  # as large in RGB
    full = distortion(TrainingConfig(steps=1, loss="yuv", yuv_weight=1.0))
    none = distortion(TrainingConfig(steps=1, loss="yuv", yuv_weight=0.0))
    assert full(gray, x).item() > 3 * full(colour, x).item()
    assert none(colour, x).item() == pytest.approx(mean_squared_error(colour, x).item())
    assert full(gray, x).item() == pytest.approx(6 / 8 * (25.5**2), rel=1e-3)


def test_ms_ssim_without_its_package_is_a_named_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pytorch_msssim", None)
    with pytest.raises(MissingPackageError, match="pytorch-msssim"):
        distortion(TrainingConfig(steps=1, loss="ms-ssim"))
