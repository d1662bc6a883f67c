from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from lic.training import loop
from lic.training.checkpoint import CHECKPOINT, load_checkpoint
from lic.training.errors import TrainingError, TrainingInterruptedError
from lic.training.loop import Trainer
from lic.training.state import TrainingState

from .conftest import CPU, Recorder, make_trainer, run


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return set(one) == set(other) and all(torch.equal(one[name], other[name]) for name in one)


def interrupted(subject: Trainer, after: int) -> None:
    recorder = Recorder()

    def stop(state: TrainingState) -> None:
        subject.stopping = state.step >= after

    recorder.after_step = stop
    with pytest.raises(TrainingInterruptedError, match="--resume"):
        subject.run(recorder)


def test_training_improves_the_loss(tmp_path: Path) -> None:
    short = run(make_trainer(tmp_path / "short", steps=12, linear_start=False))
    subject = make_trainer(tmp_path / "long", steps=120, linear_start=False)
    long = run(subject)
    assert subject.progress.step == 120
    assert subject.progress.skipped == 0
    assert long.losses[-1] < 0.8 * short.losses[-1]


@pytest.mark.parametrize("loss", ["mse", "ms-ssim", "yuv"])
def test_every_loss_falls(tmp_path: Path, loss: str) -> None:
    losses = run(make_trainer(tmp_path, steps=60, loss=loss, linear_start=False)).losses
    assert losses[-1] < 0.96 * losses[0]


def test_a_run_stops_at_its_steps_or_its_minutes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(run(make_trainer(tmp_path / "a", steps=7)).losses) == 7
    clock = iter(range(1000))
    monkeypatch.setattr(loop.time, "monotonic", lambda: float(next(clock)))
    timed = run(make_trainer(tmp_path / "b", minutes=0.1))  # a second a step
    assert 6 <= len(timed.losses) <= 8


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_the_learning_rate_rises_and_then_falls_to_zero(tmp_path: Path, schedule: str) -> None:
    subject = make_trainer(tmp_path, steps=40, warmup=10, schedule=schedule, learning_rate=1e-3)
    rates = [row.learning_rate for row in run(subject).rows]
    assert len(rates) == 40
    assert rates.index(max(rates)) in (8, 9)
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert 0.5e-3 < max(rates) < 1e-3
    assert rates[-1] < 1e-5


def test_a_trapezoid_holds_the_rate_before_it_falls(tmp_path: Path) -> None:
    settings = {"warmup": 8, "schedule": "trapezoid", "fall": 0.5, "learning_rate": 1e-3}
    rates = [row.learning_rate for row in run(make_trainer(tmp_path, steps=40, **settings)).rows]
    assert rates[8:20] == [1e-3] * 12
    assert rates[:8] == sorted(rates[:8])
    assert rates[20:] == sorted(rates[20:], reverse=True)
    assert rates[-1] < 1e-4


def test_low_rates_can_be_drawn_more_often(tmp_path: Path) -> None:
    def mean_quality(power: float) -> float:
        subject = make_trainer(tmp_path, steps=20, low_rates=power)
        drawn: list[torch.Tensor] = []
        original = subject.model.lambda_at

        def lambda_at(quality: torch.Tensor) -> torch.Tensor:
            drawn.append(quality)
            return original(quality)

        subject.model.lambda_at = lambda_at  # type: ignore[method-assign]
        run(subject)
        return float(torch.cat(drawn).mean())

    means = [mean_quality(power) for power in (1.0, 2.0)]
    assert means == pytest.approx([1 / 2, 1 / 3], abs=0.06)


def test_the_last_part_sees_larger_crops_and_some_steps_see_shrunk_ones(tmp_path: Path) -> None:
    subject = make_trainer(
        tmp_path, steps=20, batch=4, final_crop=128, final_fraction=0.5, rescale=0.5
    )
    seen: list[tuple[int, int, float]] = []
    original = subject.dataset.batch

    def batch(size: int, side: int, shrink: float) -> torch.Tensor:
        seen.append((size, side, shrink))
        return original(size, side, shrink)

    subject.dataset.batch = batch  # type: ignore[method-assign]
    run(subject)
    assert [s[:2] for s in seen] == [(4, 64)] * 10 + [(1, 128)] * 10
    shrinks = [s[2] for s in seen]
    assert all(1 <= s <= 2 for s in shrinks)
    assert 0 < sum(s > 1 for s in shrinks) < 20


@pytest.mark.parametrize(
    ("settings", "after"),
    [
        ({"steps": 24, "rescale": 0.5, "final_fraction": 0.3}, 11),
        ({"steps": 8, "preset": "mlicv2-tiny", "shares": {"selection": 0.5}}, 3),
        ({"steps": 8, "preset": "mlicv2-tiny", "shares": {"selection": 0.5}}, 5),
    ],
    ids=["one stage", "just before the second stage", "in the second stage"],
)
def test_an_interrupted_run_resumes_bit_for_bit(
    tmp_path: Path, settings: dict[str, Any], after: int
) -> None:
    straight = make_trainer(tmp_path / "straight", **settings)
    run(straight)
    interrupted(make_trainer(tmp_path / "broken", **settings), after=after)
    resumed = make_trainer(tmp_path / "broken", **settings)
    resumed.resume()
    assert resumed.progress.step == after + 1
    run(resumed)
    one, other = (load_checkpoint(tmp_path / name, CPU) for name in ("straight", "broken"))
    assert same(one["model"], other["model"])
    assert same(one["ema"], other["ema"])
    moments, others = one["optimizer"]["state"], other["optimizer"]["state"]
    assert all(same(moments[i], others[i]) for i in moments)
    for key in set(one["progress"]) - {"seconds", "history"}:
        assert repr(one["progress"][key]) == repr(other["progress"][key])  # some are no numbers


def test_the_second_stage_changes_its_own_parameters_alone(tmp_path: Path) -> None:
    settings = {"preset": "mlicv2-tiny", "shares": {"selection": 0.5}}
    subject = make_trainer(tmp_path / "both", steps=8, **settings)
    before: dict[str, torch.Tensor] = {}

    def remember(state: TrainingState) -> None:
        if state.step == 4:
            before.update({k: v.clone() for k, v in subject.averaged.state_dict().items()})

    recorder = Recorder()
    recorder.after_step = remember
    subject.run(recorder)
    after = subject.averaged.state_dict()
    changed = {name for name in after if not torch.equal(after[name], before[name])}
    assert changed == {name for name in after if ".selection." in name}
    assert subject.progress.stage_loss > 0
    assert max(row.step for row in recorder.rows) == 4


def test_the_hard_stage_trains_the_decoder_on_rounded_latents(tmp_path: Path) -> None:
    run(make_trainer(tmp_path, steps=4))
    # More budget for another stage: a run that ended goes on.
    subject = make_trainer(tmp_path, steps=8, shares={"hard": 0.5})
    subject.resume()
    before = {k: v.clone() for k, v in subject.averaged.state_dict().items()}
    rounded = []

    def remember(state: TrainingState) -> None:
        rounded.append((state.stage, not subject.network.training))

    recorder = Recorder()
    recorder.after_step = remember
    subject.run(recorder)
    assert rounded == [(2, True)] * 4
    after = subject.averaged.state_dict()
    changed = {name for name in after if not torch.equal(after[name], before[name])}
    assert {name.partition(".")[0] for name in changed} == {"entropy", "synthesis"}


def test_a_raised_budget_goes_back_to_the_first_stage(tmp_path: Path) -> None:
    settings = {"preset": "mlicv2-tiny", "shares": {"selection": 0.5}}
    run(make_trainer(tmp_path, steps=4, **settings))
    subject = make_trainer(tmp_path, steps=12, **settings)
    subject.resume()
    assert subject.progress.stage == 1
    recorder = run(subject)
    assert (subject.progress.stage, subject.progress.stage_start) == (2, 6)
    assert [row.step for row in recorder.rows] == [5, 6]
    assert all(row.learning_rate >= 0 for row in recorder.rows)


def test_the_average_ends_with_the_last_step(tmp_path: Path) -> None:
    subject = make_trainer(tmp_path, steps=7, ema=0)
    run(subject)
    assert same(subject.averaged.state_dict(), subject.model.state_dict())


def test_a_new_weight_decay_counts_in_a_resumed_run(tmp_path: Path) -> None:
    run(make_trainer(tmp_path, steps=1))
    subject = make_trainer(tmp_path, steps=2, weight_decay=0.5)
    subject.resume()
    assert {group["weight_decay"] for group in subject.optimizer.param_groups} == {0.5, 0.0}


def test_a_dense_convolution_learns_the_slower_the_larger_its_kernel(tmp_path: Path) -> None:
    subject = make_trainer(tmp_path, preset="mlicv2-tiny")
    factors = {
        id(parameter): group["factor"]
        for group in subject.optimizer.param_groups
        for parameter in group["params"]
    }
    model: Any = subject.model
    convolutions = [m for m in model.modules() if isinstance(m, torch.nn.Conv2d)]
    trained = [m for m in convolutions if m.weight.requires_grad]
    assert {m.kernel_size[0] for m in trained} == {1, 3, 5}
    assert {factors[id(parameter)] for parameter in model.side.parameters()} == {1}
    for module in trained:
        area = 1 if module.groups > 1 else module.kernel_size[0] ** 2
        assert factors[id(module.weight)] == 1 / area
        assert module.bias is None or factors[id(module.bias)] == 1


def test_another_seed_goes_another_way(tmp_path: Path) -> None:
    losses = [run(make_trainer(tmp_path, seed=seed)).losses for seed in (0, 0, 1)]
    assert losses[0] == losses[1]
    assert losses[0] != losses[2]


def test_a_damaged_or_foreign_checkpoint_is_a_named_error(tmp_path: Path) -> None:
    path = tmp_path / CHECKPOINT
    for content in (b"", b"garbage"):
        path.write_bytes(content)
        with pytest.raises(TrainingError, match="no readable checkpoint"):
            make_trainer(tmp_path).resume()
    torch.save({"state": 1}, path)
    with pytest.raises(TrainingError, match="lacks"):
        make_trainer(tmp_path).resume()
    run(make_trainer(tmp_path, steps=1))
    with pytest.raises(TrainingError, match="another network"):
        make_trainer(tmp_path, model={"width": 16}).resume()


def test_a_full_disk_keeps_the_last_good_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = make_trainer(tmp_path, steps=2)
    run(subject)
    before = (tmp_path / CHECKPOINT).read_bytes()

    def full(state: Any, path: Path) -> None:
        path.write_bytes(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(TrainingError, match="No space left"):
        subject.save()
    assert (tmp_path / CHECKPOINT).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [CHECKPOINT]


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
    subject = make_trainer(tmp_path, steps=8)
    run(subject)
    assert subject.progress.skipped == 2
    assert all(torch.isfinite(v).all() for v in subject.averaged.state_dict().values())
    assert all(torch.isfinite(v).all() for v in subject.model.state_dict().values())


def test_a_training_that_stays_bad_ends_with_a_named_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nan(out: Any, *_: Any) -> Any:
        mean = out["x_hat"].mean() * float("nan")
        return mean, mean.detach(), mean.detach()

    monkeypatch.setattr(loop, "rate_distortion_loss", nan)
    with pytest.raises(TrainingError, match="diverged"):
        run(make_trainer(tmp_path, steps=200, batch=1))
    assert not (tmp_path / CHECKPOINT).exists()


def test_validation_comes_ten_times_and_the_history_has_a_row_a_step_at_most(
    tmp_path: Path,
) -> None:
    subject = make_trainer(tmp_path, steps=20)
    recorder = run(subject)
    assert recorder.validated == list(range(2, 21, 2))
    assert [row.step for row in recorder.rows] == list(range(1, 21))
    assert subject.progress.history == recorder.rows
    assert len(subject.progress.validations) == 30  # three qualities each


def test_a_graphic_of_one_colour_trains_without_bad_steps(tmp_path: Path) -> None:
    Image.new("RGB", (64, 64), (255, 255, 255)).save(tmp_path / "white.png")
    subject = make_trainer(tmp_path / "run", tmp_path, steps=5)
    run(subject)
    assert subject.progress.skipped == 0


def test_the_checkpoint_tells_its_settings(tmp_path: Path) -> None:
    subject = make_trainer(tmp_path, steps=1)
    run(subject)
    assert load_checkpoint(tmp_path, CPU)["training"] == asdict(subject.config)
