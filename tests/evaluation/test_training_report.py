from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from lic.codec import DEFAULT_WEIGHTS
from lic.codec.weights import Weights, resolve
from lic.evaluation.training_report import write_training_report
from lic.training.state import HistoryRow, ValidationRow

HISTORY = [HistoryRow(i, 0.1 * i, 20.0 - i, 1.0 / i, 20.0 + i, 1e-3) for i in range(1, 6)]
VALIDATIONS = [ValidationRow(i, q, 0.5 + q, 25 + i) for i in (2, 4) for q in (0.15, 0.5)]


@pytest.fixture
def pictures(tmp_path: Path, budgie: NDArray[np.uint8]) -> list[Path]:
    paths = []
    for i in range(2):
        path = tmp_path / f"{i}.png"
        Image.fromarray(budgie[64 * i : 64 * i + 192, 100:356]).save(path)
        paths.append(path)
    (tmp_path / "broken.png").write_text("x")
    return [*paths, tmp_path / "broken.png"]


def test_the_report_shows_curves_rates_and_details(tmp_path: Path, pictures: list[Path]) -> None:
    (tmp_path / "run").mkdir()
    weights = resolve(DEFAULT_WEIGHTS)
    write_training_report(tmp_path / "run", weights, HISTORY, VALIDATIONS, pictures)
    text = (tmp_path / "run" / "report.html").read_text()
    assert "2 held-out pictures" in text
    assert text.count('src="data:image/png;base64,') == 2 + 2  # two plots, a sheet a picture
    for word in (">JPEG 4:4:4</th>", ">WebP</th>", "this codec"):
        assert word in text


def test_a_training_without_held_out_pictures_still_has_its_curves(
    tmp_path: Path, tiny_weights: Weights
) -> None:
    write_training_report(tmp_path, tiny_weights, HISTORY, [], [])
    text = (tmp_path / "report.html").read_text()
    assert text.count("<img") == 1
    assert "BD-rate" not in text
