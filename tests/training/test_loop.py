from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from lic.codec.weights import load_weights
from lic.models import PRESETS
from lic.training import loop
from lic.training.data import CropDataset
from lic.training.errors import TrainingError
from lic.training.loop import CHECKPOINT, Trainer, TrainingConfig, TrainingState
from lic.training.packing import pack_run
from lic.training.run import start

DATA = Path(__file__).parents[1] / "data"
CPU = torch.device("cpu")


def trainer(out: Path, **settings: Any) -> Trainer:
    values = {"batch": 2, "crop": 64, "final_crop": 64, "warmup": 5, "steps": 10, **settings}
    config = TrainingConfig(**values)
    preset = PRESETS["tiny"]
    dataset = CropDataset([DATA], 64, 1e9, config.seed)
    return Trainer(preset.model, preset.config, config, dataset, out, CPU)


def run(subject: Trainer) -> TrainingState:
    last: list[TrainingState] = []
    subject.run(last.append)
    return last[-1]


def test_training_improves_the_loss(tmp_path: Path) -> None:
    short = run(trainer(tmp_path / "short", steps=12, linear_start=False))
    long = run(trainer(tmp_path / "long", steps=120, linear_start=False))
    assert long.step == 120
    assert long.skipped == 0
    assert long.loss < 0.8 * short.loss


def test_a_run_stops_at_its_steps_or_its_minutes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(trainer(tmp_path / "a", steps=7)).step == 7
    clock = iter(range(1000))
    monkeypatch.setattr(loop.time, "monotonic", lambda: float(next(clock)))
    state = run(trainer(tmp_path / "b", steps=0, minutes=0.1))  # a second a step
    assert 6 <= state.step <= 8


def test_the_last_part_sees_larger_crops(tmp_path: Path) -> None:
    subject = trainer(tmp_path, steps=4, batch=4, final_crop=128, final_fraction=0.5)
    seen: list[tuple[int, int]] = []
    original = subject.dataset.batch

    def batch(size: int, side: int) -> torch.Tensor:
        seen.append((size, side))
        return original(size, side)

    subject.dataset.batch = batch  # type: ignore[method-assign]
    run(subject)
    assert seen == [(4, 64), (4, 64), (1, 128), (1, 128)]


def test_a_resumed_run_goes_on_where_it_was(tmp_path: Path) -> None:
    first = trainer(tmp_path, steps=6)
    crops = trainer(tmp_path).dataset.batch(2, 64)
    run(first)
    again = trainer(tmp_path, steps=10)
    again.resume()
    assert again.progress == first.progress
    for mine, theirs in (
        (again.model.state_dict(), first.model.state_dict()),
        (again.ema, first.ema),
    ):
        assert all(torch.equal(mine[name], theirs[name]) for name in theirs)
    moments = [o.optimizer.state_dict()["state"] for o in (again, first)]
    assert all(torch.equal(moments[0][i]["exp_avg"], moments[1][i]["exp_avg"]) for i in moments[1])
    assert not torch.equal(again.dataset.batch(2, 64), crops)
    assert run(again).step == 10


def test_a_damaged_or_foreign_checkpoint_is_a_named_error(tmp_path: Path) -> None:
    path = tmp_path / CHECKPOINT
    for content in (b"", b"garbage"):
        path.write_bytes(content)
        with pytest.raises(TrainingError, match="no readable checkpoint"):
            trainer(tmp_path).resume()
    torch.save({"state": 1}, path)
    with pytest.raises(TrainingError, match="lacks"):
        trainer(tmp_path).resume()
    run(trainer(tmp_path, steps=1))
    state = torch.load(path, weights_only=True)
    state["model_config"]["width"] = 7
    torch.save(state, path)
    with pytest.raises(TrainingError, match="another network"):
        trainer(tmp_path).resume()


def test_a_bad_step_is_skipped_and_counted_and_does_not_reach_the_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = loop.rate_distortion_loss
    calls = 0

    def sometimes_nan(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        loss, bpp, mse = original(*arguments)
        return (loss * float("nan") if calls in (3, 4) else loss), bpp, mse

    monkeypatch.setattr(loop, "rate_distortion_loss", sometimes_nan)
    subject = trainer(tmp_path, steps=8)
    assert run(subject).skipped == 2
    assert all(torch.isfinite(v).all() for v in subject.ema.values())
    assert all(torch.isfinite(v).all() for v in subject.model.state_dict().values())


def test_a_training_that_stays_bad_ends_with_a_named_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nan(out: Any, x: torch.Tensor, _: torch.Tensor) -> Any:
        mean = out["x_hat"].mean() * float("nan")
        return mean, mean.detach(), mean.detach()

    monkeypatch.setattr(loop, "rate_distortion_loss", nan)
    with pytest.raises(TrainingError, match="diverged"):
        run(trainer(tmp_path, steps=200, batch=1))
    assert not (tmp_path / CHECKPOINT).exists()


def test_a_packed_run_can_be_loaded_and_its_id_is_permanent(tmp_path: Path) -> None:
    run(trainer(tmp_path / "run", steps=3))
    out = tmp_path / "weights"
    out.mkdir()
    notes = {"summary": "s", "command": "c", "data": "d", "hardware": "h"}
    path = pack_run(tmp_path / "run", "mine-1", out, notes)
    weights = load_weights(path, "mine-1")
    assert len(weights.runtime.encode(torch.zeros(1, 32, 4, 4), 0.5, 0)) > 0
    with pytest.raises(TrainingError, match="taken"):
        pack_run(tmp_path / "run", "mine-1", out, notes)
    for bad in ("../evil", "", "é", "x" * 64):
        with pytest.raises(TrainingError, match="must be"):
            pack_run(tmp_path / "run", bad, out, notes)


def test_a_run_that_exists_is_not_overwritten_and_none_is_not_resumed(tmp_path: Path) -> None:
    settings = {"steps": 1, "batch": 1, "crop": 64, "final_crop": 64}
    with pytest.raises(TrainingError, match="holds no run"):
        start([DATA], "tiny", tmp_path / "run", settings, "cpu", resume=True)
    start([DATA], "tiny", tmp_path / "run", settings, "cpu", resume=False)
    with pytest.raises(TrainingError, match="holds a run already"):
        start([DATA], "tiny", tmp_path / "run", settings, "cpu", resume=False)


def test_bad_words_for_a_run_are_named_errors_before_it_begins(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no preset 'huge'"):
        start([DATA], "huge", tmp_path, {"steps": 1}, "cpu", resume=False)
    (tmp_path / "file").touch()
    with pytest.raises(TrainingError, match="cannot make"):
        start([DATA], "tiny", tmp_path / "file", {"steps": 1}, "cpu", resume=False)
    with pytest.raises(TrainingError, match="finite"):
        start([DATA], "tiny", tmp_path / "run", {"minutes": float("nan")}, "cpu", resume=False)
    with pytest.raises(TrainingError, match="no device 'tpu9'"):
        start([DATA], "tiny", tmp_path, {"steps": 1}, "tpu9", resume=False)


def test_the_loss_is_zero_only_without_rate_and_distortion() -> None:
    x = torch.rand(2, 3, 4, 4)
    sure = torch.ones(2, 1, 1, 1)
    out: Any = {"x_hat": x, "likelihoods": {"y": sure, "z": sure}}
    trade_off = torch.tensor([0.01, 0.04])
    assert loop.rate_distortion_loss(out, x, trade_off)[0] == 0
    out = {"x_hat": x + 1 / 255, "likelihoods": {"y": sure / 2**16, "z": sure}}
    loss, bpp, mse = loop.rate_distortion_loss(out, x, trade_off)
    assert bpp.item() == pytest.approx(1.0)
    assert 255**2 * mse.item() == pytest.approx(1.0, rel=1e-3)
    assert loss.item() == pytest.approx(np.mean([1.01 / 0.1, 1.04 / 0.2]), rel=1e-3)


def test_a_graphic_of_one_colour_trains_without_bad_steps(tmp_path: Path) -> None:
    Image.new("RGB", (64, 64), (255, 255, 255)).save(tmp_path / "white.png")
    config = TrainingConfig(steps=5, batch=2, crop=64, final_crop=64, warmup=2)
    preset = PRESETS["tiny"]
    dataset = CropDataset([tmp_path], 64, 1e9, 0)
    state = run(Trainer(preset.model, preset.config, config, dataset, tmp_path / "run", CPU))
    assert state.skipped == 0
