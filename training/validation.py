"""Estimated rate and PSNR of a network on held-out pictures during a training.

`lic.evaluation` measures real files, after the training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lic.codec.pixels import psnr_of
from lic.models import CodecModel
from lic.models.stage import Output

SIDE = 256
QUALITIES = (0.15, 0.5, 0.85)


@dataclass(frozen=True)
class RatePoint:
    """Means over pictures at a quality in [0, 1]: estimated bpp and PSNR in dB."""

    quality: float
    bpp: float
    psnr: float


@torch.inference_mode()
def estimate(
    model: CodecModel, picture: Tensor, quality: float, output: Output | None = None
) -> tuple[Tensor, float, float]:
    """The decoded picture (uint8), bpp and PSNR of a picture (1, 3, H, W; uint8).

    H and W are multiples of the model's ``side_stride``. The model must be in evaluation mode:
    symbols are rounded, and nothing is random. ``output`` is a stage's own.
    """
    device = next(model.parameters()).device
    x = picture.to(device)
    given = (x.float() / 255, torch.tensor([quality], device=device))
    out = model(*given) if output is None else output(model, *given)
    bits = sum(-float(out["likelihoods"][part].log2().sum()) for part in ("y", "z"))
    decoded = (out["x_hat"].float() * 255).round().clamp(0, 255).to(torch.uint8)
    mse = float((decoded.float() - x.float()).square().mean())
    return decoded, bits / (x.shape[-1] * x.shape[-2]), psnr_of(max(mse, 1e-4))


def validate(
    model: CodecModel,
    pictures: Sequence[Tensor],
    qualities: Sequence[float] = QUALITIES,
    output: Output | None = None,
) -> list[RatePoint]:
    """The mean rate and PSNR over pictures, as for `estimate`, at each quality."""
    points = []
    for quality in qualities:
        measured = [estimate(model, picture, quality, output)[1:] for picture in pictures]
        bpp, psnr = (sum(column) / len(measured) for column in zip(*measured, strict=True))
        points.append(RatePoint(quality, bpp, psnr))
    return points
