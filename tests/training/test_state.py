from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch

from lic.models import create_preset, full_config
from lic.training.checkpoint import CHECKPOINT, load_checkpoint
from lic.training.config import TrainingConfig, with_current_names
from lic.training.run import gather_settings
from lic.training.state import HistoryRow, StepResult, TrainingState, ValidationRow

from .conftest import CPU, make_trainer, run

ROW = HistoryRow(3, 1.5, 10.0, 0.5, 30.0, 1e-3)


def test_a_state_goes_to_plain_values_and_back() -> None:
    state = TrainingState(step=4, loss=2.0, stage_loss=0.5, stage=2)
    state.history.append(ROW)
    state.validations.append(ValidationRow(4, 0.5, 0.4, 31.0))
    values = json.loads(json.dumps(state.to_values()))
    assert values["history"] == [list(ROW)]
    again = TrainingState.from_values(values)
    assert again.history == [ROW]
    assert again.validations[0].psnr == 31.0
    assert repr(again) == repr(state)  # some are no numbers


def test_values_that_make_no_state_are_an_error() -> None:
    good = TrainingState().to_values()
    for bad in ({**good, "nonsense": 1}, {**good, "history": [[1.0]]}):
        with pytest.raises((TypeError, ValueError)):
            TrainingState.from_values(bad)


def test_a_new_stage_forgets_the_means_that_do_not_describe_it() -> None:
    state = TrainingState(step=9, loss=5.0, stage_loss=1.0, norm=2.0)
    state.enter(2)
    assert (state.stage, state.stage_start, state.norm, state.loss) == (2, 9, math.inf, 5.0)
    assert math.isnan(state.stage_loss)


def test_a_stages_own_loss_leaves_the_means_of_rate_and_distortion_alone() -> None:
    state = TrainingState(loss=5.0, bpp=1.0, psnr=30.0)
    state.take(StepResult(0.7, math.nan, math.nan, 1.0, 0.5, False), own_objective=True)
    assert (state.stage_loss, state.loss, state.bpp, state.psnr) == (0.7, 5.0, 1.0, 30.0)
    state.take(StepResult(4.0, 2.0, 65.025, 1.0, 0.5, False), own_objective=False)
    assert state.loss == pytest.approx(0.9 * 5 + 0.1 * 4)
    assert state.psnr == pytest.approx(30.0)


def test_a_checkpoint_of_the_time_of_two_stages_can_be_resumed(tmp_path: Path) -> None:
    settings = {"preset": "mlicv2-tiny", "shares": {"selection": 0.5}}
    run(make_trainer(tmp_path, steps=4, **settings))
    state = load_checkpoint(tmp_path, CPU)
    progress = state["progress"]
    progress["second_loss"] = progress.pop("stage_loss")
    progress["history"] = [[float(value) for value in row] for row in progress["history"]]
    torch.save(state, tmp_path / CHECKPOINT)
    subject = make_trainer(tmp_path, steps=5, **{**settings, "shares": {"selection": 0.8}})
    subject.resume()
    assert subject.progress.stage == 2
    assert subject.progress.stage_loss == progress["second_loss"]
    assert [row.step for row in subject.progress.history] == [1, 2]
    assert full_config(subject.model) == full_config(create_preset("mlicv2-tiny"))


def test_settings_of_the_time_of_two_stages_keep_the_share_of_the_second(tmp_path: Path) -> None:
    old = {"steps": 4, "preset": "mlicv2-tiny", "second_stage": 0.2}
    assert TrainingConfig.from_values(with_current_names(old)).shares["selection"] == 0.2
    path = tmp_path / "config.toml"
    path.write_text('steps = 4\npreset = "tiny"\nsecond_stage = 0.2\n')
    config = gather_settings(tmp_path / "run", path, {}, ["shares.selection=0.1"], resume=False)
    assert config.shares["selection"] == 0.1
