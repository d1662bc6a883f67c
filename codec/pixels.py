"""Pictures as arrays, and the PSNR of decoded ones; `lic.codec.picture` has picture files."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
"""(height, width, 3), RGB."""


def psnr_of(mse: float) -> float:
    """Peak signal-to-noise ratio in dB of a mean squared error in 8-bit levels; inf for zero."""
    return math.inf if mse == 0 else 10 * math.log10(255**2 / mse)
