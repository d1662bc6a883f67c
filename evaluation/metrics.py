"""Distortion of decoded 8-bit pictures, and the average rate between two curves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from lic.codec.errors import extra
from lic.codec.pixels import Pixels, psnr_of

# Five scales of an 11-pixel window: a smaller picture has no MS-SSIM.
MS_SSIM_SIDE = 161


def psnr(reference: Pixels, decoded: Pixels) -> float:
    """Peak signal-to-noise ratio in dB of two pictures (height, width, 3); inf if equal."""
    return psnr_of(float(np.mean(np.square(reference.astype(np.float64) - decoded))))


def ms_ssim(reference: Pixels, decoded: Pixels) -> float:
    """Multi-scale structural similarity, 0 to 1, of two pictures (height, width, 3).

    nan where a side has fewer than `MS_SSIM_SIDE` pixels. Raises MissingPackageError without the
    package `pytorch-msssim`.
    """
    if min(reference.shape[:2]) < MS_SSIM_SIDE:
        return math.nan
    with extra("pytorch_msssim", "evaluation"), extra("torch", "evaluation"):
        import torch
        from pytorch_msssim import ms_ssim as similarity

    a, b = (torch.from_numpy(p).permute(2, 0, 1)[None].float() for p in (reference, decoded))
    return float(similarity(a, b, data_range=255))


@cache
def _lpips_network() -> Any:
    """The network of LPIPS (Zhang et al. 2018, arXiv 1801.03924; AlexNet), or None."""
    if find_spec("lpips") is None:
        return None
    import torch

    from lic.evaluation import torchvision_operators

    # lpips would fetch the backbone's weights from the net: an evaluation must not.
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    if not any(folder.glob("alexnet-owt-*.pth")):
        return None
    torchvision_operators.declare()
    from lpips import LPIPS

    return LPIPS(net="alex", verbose=False).eval()


def lpips(reference: Pixels, decoded: Pixels) -> float:
    """Learned perceptual distance of two pictures (height, width, 3); 0 if equal.

    nan without the package `lpips` and AlexNet's weights in torch.hub's folder, and for pictures
    with a side of fewer than 64 pixels.
    """
    network = _lpips_network()
    if network is None or min(reference.shape[:2]) < 64:
        return math.nan
    import torch

    a, b = (torch.from_numpy(p).permute(2, 0, 1)[None] / 127.5 - 1 for p in (reference, decoded))
    with torch.inference_mode():
        return float(network(a, b))


def decibel(similarity: float) -> float:
    """A similarity of 0 to 1 in dB: -10 log10(1 - similarity)."""
    return math.inf if similarity >= 1 else -10 * math.log10(1 - similarity)


def front(
    bpp: Sequence[float], quality: Sequence[float]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The points of a curve, by rate, that are better than all of lower rate, and not lossless.

    Single pictures that a codec does badly on may get worse with its setting.
    """
    points: list[tuple[float, float]] = []
    for rate, value in sorted(zip(bpp, quality, strict=True), key=lambda p: (p[0], -p[1])):
        if math.isfinite(value) and (not points or value > points[-1][1]):
            points.append((rate, value))
    return tuple(p[0] for p in points), tuple(p[1] for p in points)


def bd_rate(
    anchor_bpp: Sequence[float],
    anchor_quality: Sequence[float],
    bpp: Sequence[float],
    quality: Sequence[float],
) -> float:
    """Bjontegaard delta rate in percent (negative is better than the anchor), by pchip.

    Rates in bpp, qualities in dB, over the qualities that both curves reach; nan if those are
    none, or if a curve's qualities do not rise or are infinite. Raises MissingPackageError without
    the package `bjontegaard`.
    """
    with extra("bjontegaard", "evaluation"):
        from bjontegaard import bd_rate as bjontegaard_rate
    if not anchor_quality or not quality:
        return math.nan
    overlap = min(max(anchor_quality), max(quality)) - max(min(anchor_quality), min(quality))
    if not 0 < overlap < math.inf or math.inf in quality or math.inf in anchor_quality:
        return math.nan
    if any(np.any(np.diff(curve) <= 0) for curve in (anchor_quality, quality)):
        return math.nan
    rate = bjontegaard_rate(
        anchor_bpp,
        anchor_quality,
        bpp,
        quality,
        method="pchip",
        require_matching_points=False,
        min_overlap=0,
    )
    return float(rate)
