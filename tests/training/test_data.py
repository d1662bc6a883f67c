from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lic.training.data import CropDataset
from lic.training.errors import TrainingError


def write(folder: Path, name: str, side: int, value: int = 0) -> None:
    folder.mkdir(exist_ok=True)
    Image.fromarray(np.full((side, side, 3), value, np.uint8)).save(folder / name)


def test_broken_and_small_pictures_are_skipped_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path, "good.png", 64)
    write(tmp_path, "small.png", 63)
    (tmp_path / "broken.png").write_text("x")
    with caplog.at_level(logging.WARNING):
        dataset = CropDataset([tmp_path], 64, 1e9, seed=0)
    assert len(dataset.pictures) == 1
    assert "small.png" in caplog.text
    assert "broken.png" in caplog.text


def test_a_folder_without_pictures_is_a_named_error(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no picture"):
        CropDataset([tmp_path], 64, 1e9, seed=0)


def test_reading_stops_at_the_pixel_budget(tmp_path: Path) -> None:
    for i in range(5):
        write(tmp_path, f"{i}.png", 64, i)
    assert len(CropDataset([tmp_path], 64, 2 * 64 * 64, seed=0).pictures) == 2


def test_crops_come_from_the_pictures_and_a_seed_repeats_them(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    Image.fromarray(random.integers(0, 256, (70, 80, 3), np.uint8)).save(tmp_path / "a.png")
    batches = [CropDataset([tmp_path], 64, 1e9, seed).batch(4, 16) for seed in (0, 0, 1)]
    assert batches[0].shape == (4, 3, 16, 16)
    assert batches[0].dtype == torch.uint8
    assert torch.equal(batches[0], batches[1])
    assert not torch.equal(batches[0], batches[2])
