from __future__ import annotations

import math

import numpy as np
import pytest

from lic.evaluation.metrics import anchors, bd_rate, psnr


def test_psnr_of_known_errors() -> None:
    black = np.zeros((4, 4, 3), np.uint8)
    assert psnr(black, black) == math.inf
    assert psnr(black, black + 255) == 0
    assert psnr(black, black + 1) == pytest.approx(48.1308, abs=1e-4)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("BPG 4:4:4", 22.0), ("AV1 (published)", 16.2), ("mbt2018-mean", 21.3), ("VTM", 0.0)],
)
def test_bd_rates_against_vtm_agree_with_the_literature(name: str, expected: float) -> None:
    curves = anchors()
    vtm, other = curves["VTM"], curves[name]
    rate = bd_rate(vtm["bpp"], vtm["psnr"], other["bpp"], other["psnr"])
    assert rate == pytest.approx(expected, abs=0.15)


def test_twice_the_rate_is_plus_100_percent() -> None:
    vtm = anchors()["VTM"]
    assert bd_rate(vtm["bpp"], vtm["psnr"], [2 * b for b in vtm["bpp"]], vtm["psnr"]) == (
        pytest.approx(100, abs=0.1)
    )
