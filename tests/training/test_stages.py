from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lic.models import CodecModel, Stage, create_preset
from lic.training.loop import Trainer
from lic.training.stages import Plan, freeze_others

from .conftest import CPU, Recorder, make_trainer


def synthesis(model: CodecModel) -> Iterable[nn.Parameter]:
    return model.synthesis.parameters()


def side(model: CodecModel) -> Iterable[nn.Parameter]:
    return model.side.parameters()


def nothing(model: CodecModel) -> Iterable[nn.Parameter]:
    return ()


def squares(model: CodecModel, x: Tensor, quality: Tensor) -> Tensor:
    """The squared error of the picture alone."""
    error: Tensor = (model.synthesis(model.analysis(x, quality), quality) - x).square().mean()
    return error


ALL = Stage("all", nn.Module.parameters)
SYNTHESIS = Stage("synthesis", synthesis, squares, share=0.25, warms_up=False, from_average=True)
SIDE = Stage("side", side, share=0.25, learning_rate=0.5)


def trainer(out: Path, stages: Iterable[Stage], **settings: Any) -> Trainer:
    """A trainer of the smallest preset with stages of its own."""
    own = make_trainer(out, **settings)
    parts = (own.dataset, own.held_out, out, CPU)
    return Trainer(own.model_name, own.model, own.config, *parts, stages=tuple(stages))


def test_the_first_stage_takes_what_the_others_leave() -> None:
    plan = Plan([ALL, SYNTHESIS, SIDE], create_preset("tiny"), {"synthesis": 0.5})
    assert [plan.number(f) for f in (0, 0.24, 0.25, 0.74, 0.75, 1)] == [1, 1, 2, 2, 3, 3]
    assert [plan.spent(*at) for at in ((1, 0.125), (2, 0.25), (2, 0.5), (3, 1.0))] == [
        0.5,
        0.0,
        0.5,
        1.0,
    ]


def test_a_stage_without_parameters_or_without_a_share_takes_no_budget() -> None:
    model = create_preset("tiny")
    plan = Plan([ALL, Stage("none", nothing, share=0.5), SIDE], model, {"side": 0.0})
    assert [plan.number(f) for f in (0, 0.5, 0.99)] == [1, 1, 1]
    assert plan.spent(1, 0.5) == 0.5


def test_only_the_parameters_of_a_stage_can_be_trained() -> None:
    model = create_preset("tiny")
    freeze_others(model, SYNTHESIS)
    free = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert free == {name for name, _ in model.named_parameters() if name.startswith("synthesis.")}


def test_the_loop_runs_any_list_of_stages(tmp_path: Path) -> None:
    subject = trainer(tmp_path, [ALL, SYNTHESIS, SIDE], steps=16, warmup=1)
    kept: dict[int, dict[str, Tensor]] = {}
    recorder = Recorder()

    def remember(state: Any) -> None:
        kept[state.step] = {k: v.clone() for k, v in subject.model.state_dict().items()}

    recorder.after_step = remember
    subject.run(recorder)

    def changed(before: int, after: int) -> set[str]:
        names = kept[after]
        return {n.split(".")[0] for n in names if not torch.equal(names[n], kept[before][n])}

    # The first step of a stage starts from the average: compare the steps after it.
    assert changed(1, 8) > {"analysis", "synthesis", "side"}
    assert changed(9, 12) == {"synthesis"}
    assert changed(13, 16) == {"side"}
    assert subject.progress.stage == 3
    assert subject.progress.stage_start == 12
    # Rows of rate and distortion come from the stages that minimise these.
    assert [row.step for row in recorder.rows] == [*range(1, 9), *range(13, 17)]
    rates = {row.step: row.learning_rate for row in recorder.rows}
    assert rates[13] == pytest.approx(0.5 * subject.config.learning_rate * 3 / 4)


def test_a_stage_starts_from_the_average_only_if_it_says_so(tmp_path: Path) -> None:
    for from_average in (True, False):
        stage = Stage("side", side, share=0.5, from_average=from_average)
        subject = trainer(tmp_path / str(from_average), [ALL, stage], steps=8, ema=0.9)
        seen: list[Tensor] = []
        recorder = Recorder()

        def remember(
            state: Any, seen: list[Tensor] = seen, model: CodecModel = subject.model
        ) -> None:
            if state.step in (4, 5):
                seen.append(next(model.synthesis.parameters()).clone())

        recorder.after_step = remember
        subject.run(recorder)
        assert torch.equal(*seen) != from_average


def test_a_return_to_an_earlier_stage_undoes_the_later_ones(tmp_path: Path) -> None:
    def zero(model: CodecModel) -> None:
        for parameter in model.side.parameters():
            parameter.data.zero_()

    stages = [ALL, Stage("side", side, share=0.5, reset=zero)]
    trainer(tmp_path, stages, steps=4).run(Recorder())
    subject = trainer(tmp_path, stages, steps=16)
    subject.resume()
    assert subject.progress.stage == 1
    for model in (subject.model, subject.averaged):
        assert not any(parameter.any() for parameter in model.side.parameters())
