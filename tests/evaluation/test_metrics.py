from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lic.evaluation.anchors import kodak as anchors
from lic.evaluation.metrics import (
    bd_rate,
    decibel,
    front,
    ms_ssim,
    psnr,
)


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
    assert rate == pytest.approx(expected, abs=0.06)


def test_twice_the_rate_is_plus_100_percent() -> None:
    vtm = anchors()["VTM"]
    assert bd_rate(vtm["bpp"], vtm["psnr"], [2 * b for b in vtm["bpp"]], vtm["psnr"]) == (
        pytest.approx(100, abs=0.1)
    )


def test_curves_that_do_not_overlap_have_no_bd_rate() -> None:
    assert math.isnan(bd_rate([1, 2, 3], [30, 31, 32], [1, 2, 3], [40, 41, 42]))
    assert math.isnan(bd_rate([1, 2, 3], [30, 31, 32], [], []))


def test_the_front_of_a_curve_rises_and_ends_without_loss() -> None:
    best = ((1, 2, 4, 5), (30, 32, 33, math.inf))
    assert front([4, 1, 3, 2, 5, 6], [33, 30, 31, 32, math.inf, 50]) == best
    assert front([1, 1, 2], [30, 31, 31]) == ((1,), (31,))
    assert front([1, 2], [math.inf, math.inf]) == ((1,), (math.inf,))


def test_lpips_without_its_weights_is_nan(tmp_path: Path) -> None:
    # In a process of its own: the network is looked for only once a process.
    check = (
        "import math\n"
        "import numpy as np\n"
        "from lic.evaluation.metrics import lpips\n"
        "picture = np.zeros((64, 64, 3), np.uint8)\n"
        "assert math.isnan(lpips(picture, picture))\n"
    )
    environment = {**os.environ, "TORCH_HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", check], check=True, env=environment)


def test_ms_ssim_is_one_for_equal_pictures_and_falls_with_noise() -> None:
    random = np.random.default_rng(0)
    picture = np.repeat(np.arange(192, dtype=np.uint8)[None, :, None], 192, 0).repeat(3, 2)
    noisy = [
        np.clip(picture + random.normal(0, s, picture.shape), 0, 255).astype(np.uint8)
        for s in (2, 20)
    ]
    assert ms_ssim(picture, picture) == pytest.approx(1)
    assert ms_ssim(picture, noisy[1]) < ms_ssim(picture, noisy[0]) < 1
    assert math.isnan(ms_ssim(picture[:160], picture[:160]))
    assert decibel(0.99) == pytest.approx(20)


def test_a_point_without_loss_reaches_all_higher_qualities_at_its_rate() -> None:
    anchor = ((1.0, 2.0, 4.0, 8.0), (30.0, 35.0, 40.0, 45.0))
    # The anchor's mean rate is the middle of a straight line of logarithms.
    assert bd_rate(*anchor, [8**0.5], [math.inf]) == pytest.approx(0, abs=1e-9)
    assert bd_rate(*anchor, [1.0], [math.inf]) == pytest.approx(100 * (8**-0.5 - 1))
    # The same curve up to 40 dB, then half of what the anchor has there on average.
    mixed = bd_rate(*anchor, [1, 2, 4, 32**0.5 / 2], [30, 35, 40, math.inf])
    assert mixed == pytest.approx(100 * (0.5 ** (1 / 3) - 1))
    assert bd_rate([*anchor[0], 9], [*anchor[1], math.inf], *anchor) == pytest.approx(0, abs=1e-9)
