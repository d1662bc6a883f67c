"""The rate-distortion loss: rate plus lambda times one of several distortions.

A distortion maps decoded and original pictures (B, 3, H, W), in 0..1, to one value a picture (B,),
in the units of a squared 8-bit error, so that the same range of lambda serves them all.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from lic.codec.errors import extra
from lic.models import ModelOutput
from lic.training.config import TrainingConfig

Distortion = Callable[[Tensor, Tensor], Tensor]

# CompressAI's pairs of lambdas for the two metrics, such as .0130 and 16.64, have ratios of 1,252
# to 1,333 (its documentation, "Model zoo", training).
_MS_SSIM_UNIT = 1280.0

# ITU-R BT.601's luma and color differences, the latter scaled to the range of the colours.
_YUV = (
    (0.299, 0.587, 0.114),
    (-0.168736, -0.331264, 0.5),
    (0.5, -0.418688, -0.081312),
)
# Luma counts six times a color difference, as in the common PSNR of video coding.
_YUV_WEIGHTS = (6 / 8, 1 / 8, 1 / 8)


def mean_squared_error(decoded: Tensor, original: Tensor) -> Tensor:
    """The mean squared error of RGB, in squared 8-bit levels."""
    return 255**2 * (decoded - original).square().flatten(1).mean(1)


def _yuv_error(decoded: Tensor, original: Tensor, weight: float) -> Tensor:
    matrix = decoded.new_tensor(_YUV)
    difference = torch.einsum("ij,bjhw->bihw", matrix, decoded - original)
    planes = 255**2 * difference.square().flatten(2).mean(2)
    yuv = planes @ planes.new_tensor(_YUV_WEIGHTS)
    return weight * yuv + (1 - weight) * mean_squared_error(decoded, original)


def distortion(config: TrainingConfig) -> Distortion:
    """The distortion that a configuration names.

    Raises MissingPackageError for ms-ssim without the package pytorch-msssim.
    """
    if config.loss == "yuv":
        return lambda decoded, original: _yuv_error(decoded, original, config.yuv_weight)
    if config.loss == "mse":
        return mean_squared_error
    with extra("pytorch_msssim", "training"):
        from pytorch_msssim import ms_ssim
    # The coarsest of five scales must hold a window.
    windows = {
        size: min(11, (size // 16 - 1) // 2 * 2 + 1) for size in (config.crop, config.final_crop)
    }

    def dissimilarity(decoded: Tensor, original: Tensor) -> Tensor:
        window = windows[original.shape[-1]]
        similarity: Tensor = ms_ssim(decoded, original, 1.0, size_average=False, win_size=window)
        return _MS_SSIM_UNIT * (1 - similarity)

    return dissimilarity


def rate_distortion_loss(
    out: ModelOutput, x: Tensor, trade_off: Tensor, measure: Distortion, limit: float = math.inf
) -> tuple[Tensor, Tensor, Tensor]:
    """Loss, mean bpp and mean squared error (8-bit levels) of a batch at trade-offs (B,).

    The loss is (R + lambda D) / sqrt(lambda): by the division, all rates contribute gradients of a
    similar size. A crop whose loss exceeds ``limit`` is weighted down to ``limit``; else a few
    crops of noise or saturated patterns would dominate the gradient.
    """
    pixels = x.shape[-1] * x.shape[-2]
    likelihoods = (out["likelihoods"]["y"], out["likelihoods"]["z"])
    bpp = sum((-p.float().log2().flatten(1).sum(1) for p in likelihoods), x.new_zeros(())) / pixels
    decoded = out["x_hat"].float()
    losses = (bpp + trade_off * measure(decoded, x)) / trade_off.sqrt()
    weights = (limit / losses.detach()).clamp(max=1)
    with torch.no_grad():
        squared = mean_squared_error(decoded, x).mean()
    return (weights * losses).mean(), bpp.mean().detach(), squared
