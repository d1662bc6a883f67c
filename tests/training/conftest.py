"""What the tests of training share: small pictures, and trainers of the smallest preset."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from lic.models import PRESETS, create_preset
from lic.training.config import TrainingConfig
from lic.training.data import CropDataset, validation_crops
from lic.training.loop import Trainer
from lic.training.observer import Observer
from lic.training.state import HistoryRow, TrainingState

DATA = Path(__file__).parents[1] / "data"
CPU = torch.device("cpu")
SMALL: dict[str, Any] = {"preset": "tiny", "batch": 2, "crop": 64, "final_crop": 64, "warmup": 5}


class Recorder(Observer):
    """An observer that keeps what it is told, and can ask for a stop."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.rows: list[HistoryRow] = []
        self.validated: list[int] = []
        self.after_step: Callable[[TrainingState], None] = lambda state: None

    def on_step(self, state: TrainingState, fraction: float) -> None:
        self.losses.append(state.loss)
        self.after_step(state)

    def on_history(self, row: HistoryRow) -> None:
        self.rows.append(row)

    def on_validation(self, step: int, points: Any, model: Any, output: Any) -> None:
        self.validated.append(step)


def make_trainer(out: Path, folder: Path = DATA, **settings: Any) -> Trainer:
    values = {**SMALL, **settings}
    if "minutes" not in values:
        values.setdefault("steps", 10)
    config = TrainingConfig.from_values(values)
    torch.manual_seed(config.seed)
    model = create_preset(config.preset, config.model)
    paths = sorted(folder.glob("*.png"))
    dataset = CropDataset(paths, 64, config.max_pixels, CPU)
    return Trainer(
        PRESETS[config.preset].model, model, config, dataset, validation_crops(paths, 64), out, CPU
    )


def run(subject: Trainer) -> Recorder:
    recorder = Recorder()
    subject.run(recorder)
    return recorder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of three pictures of noise, large enough for the largest crops."""
    random = np.random.default_rng(0)
    made = tmp_path / "pictures"
    made.mkdir()
    for name in "abc":
        pixels = random.integers(0, 256, (256, 256, 3), np.uint8)
        Image.fromarray(pixels).save(made / f"{name}.png")
    return made
