"""Distortion of decoded 8-bit pictures, and the average rate between two curves."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lic.codec.errors import MissingPackageError


def psnr(reference: NDArray[np.uint8], decoded: NDArray[np.uint8]) -> float:
    """Peak signal-to-noise ratio in dB of two pictures (height, width, 3); inf if equal."""
    mse = float(np.mean(np.square(reference.astype(np.float64) - decoded)))
    return math.inf if mse == 0 else 10 * math.log10(255**2 / mse)


def anchors() -> dict[str, dict[str, Any]]:
    """Curves of other codecs on Kodak: name to {"bpp", "psnr", "source", ...}."""
    file = resources.files("lic.evaluation") / "anchors" / "kodak.json"
    return dict(json.loads(file.read_text()))


def bd_rate(
    anchor_bpp: Sequence[float],
    anchor_psnr: Sequence[float],
    bpp: Sequence[float],
    quality: Sequence[float],
) -> float:
    """Bjontegaard delta rate in percent (negative is better than the anchor), by pchip.

    Rates in bpp, qualities in dB; over the qualities that both curves reach. Raises
    MissingPackageError without the package `bjontegaard`.
    """
    try:
        from bjontegaard import bd_rate as bjontegaard_rate
    except ImportError as error:
        raise MissingPackageError(
            "this needs the package bjontegaard: pip install 'lic[evaluation]'"
        ) from error

    return float(
        bjontegaard_rate(
            anchor_bpp,
            anchor_psnr,
            bpp,
            quality,
            method="pchip",
            require_matching_points=False,
            min_overlap=0,
        )
    )
