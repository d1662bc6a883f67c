from __future__ import annotations

import math

import pytest

from lic.codec.pixels import psnr_of


def test_psnr_is_that_of_8_bit_levels() -> None:
    assert psnr_of(255**2) == 0
    assert psnr_of(65.025) == pytest.approx(30)
    assert psnr_of(0) == math.inf
