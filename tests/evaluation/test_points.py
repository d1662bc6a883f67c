from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lic.codec.errors import WeightsError
from lic.codec.manifest import KodakPoints, WeightsEntry, read_manifest
from lic.evaluation.points import note_points

TINY = Path(__file__).parents[1] / "data" / "tiny.safetensors"

COLUMNS = {
    "setting": [0.0, 100.0],
    "bpp": [0.123456, 1.5],
    "psnr": [27.00004, 39.5],
    "ms_ssim": [0.9, 0.99],
    "lpips": [0.1, 0.2],
}


@pytest.mark.parametrize(("rates", "noted"), [({"mine-1": 12.3456}, 12.35), ({}, None)])
def test_points_are_noted_rounded_in_the_folder_of_the_weights(
    rates: dict[str, float],
    noted: float | None,
    tmp_path: Path,
    make_weights_folder: Callable[[Path, str, Path], WeightsEntry],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_weights_folder(tmp_path, "mine-1", TINY)
    monkeypatch.setenv("LIC_WEIGHTS", str(tmp_path))
    summary: dict[str, Any] = {"codecs": {"mine-1": COLUMNS}, "bd_rate": {"VTM": rates}}
    note_points("mine-1", summary)
    expected = KodakPoints((0.0, 100.0), (0.1235, 1.5), (27.0, 39.5), (0.9, 0.99), noted)
    assert read_manifest(tmp_path)["mine-1"].kodak == expected


def test_points_of_weights_that_are_not_installed_are_a_named_error() -> None:
    summary: dict[str, Any] = {"codecs": {"nope": COLUMNS}, "bd_rate": {"VTM": {}}}
    with pytest.raises(WeightsError, match="not installed"):
        note_points("nope", summary)
