"""Distortion of decoded 8-bit pictures, and the average rate between two curves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
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
    """The points of a curve, by rate, that are better than all of lower rate.

    Single pictures that a codec does badly on may get worse with its setting. A point without loss,
    of infinite quality, is the last.
    """
    points: list[tuple[float, float]] = []
    for rate, value in sorted(zip(bpp, quality, strict=True), key=lambda p: (p[0], -p[1])):
        if not points or value > points[-1][1]:
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
    none, or if a curve's finite qualities do not rise. A last point without loss (infinite quality)
    reaches all qualities beyond the point before it, at its own rate; the anchor's is left out.
    Raises MissingPackageError without the package `bjontegaard`.
    """
    with extra("bjontegaard", "evaluation"):
        from bjontegaard import bd_rate as bjontegaard_rate
    anchor = [p for p in zip(anchor_quality, anchor_bpp, strict=True) if math.isfinite(p[0])]
    curve = [p for p in zip(quality, bpp, strict=True) if math.isfinite(p[0])]
    if any(b[0] <= a[0] for points in (anchor, curve) for a, b in pairwise(points)):
        return math.nan
    if not anchor or not quality:
        return math.nan
    lossless = len(curve) < len(quality)
    # Where the two curves meet, and where the point without loss takes over.
    low = max(anchor[0][0], curve[0][0] if curve else -math.inf)
    last = curve[-1][0] if curve else -math.inf
    middle = max(low, min(anchor[-1][0], last))
    high = anchor[-1][0] if lossless else middle
    if not low < high:
        return math.nan
    mean = 0.0
    if middle > low:
        rate = bjontegaard_rate(
            [p[1] for p in anchor],
            [p[0] for p in anchor],
            [p[1] for p in curve],
            [p[0] for p in curve],
            method="pchip",
            require_matching_points=False,
            min_overlap=0,
        )
        mean += math.log1p(rate / 100) * (middle - low)
    if high > middle:
        mean += math.log(bpp[-1]) * (high - middle) - _log_rate(anchor, middle, high)
    return 100 * math.expm1(mean / (high - low))


def _log_rate(points: Sequence[tuple[float, float]], low: float, high: float) -> float:
    """The integral of the logarithm of a curve's rates from one quality to another, by pchip."""
    from scipy.interpolate import PchipInterpolator

    qualities, rates = zip(*points, strict=True)
    return float(PchipInterpolator(qualities, np.log(rates)).integrate(low, high))
