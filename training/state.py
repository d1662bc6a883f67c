"""What a training has done so far: its running means and its curves, as checkpoints keep them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from lic.codec.pixels import psnr_of


class HistoryRow(NamedTuple):
    """A point of the curves of training: running means after a step."""

    step: int
    seconds: float
    loss: float
    bpp: float
    psnr: float
    learning_rate: float


class ValidationRow(NamedTuple):
    """Means over the held-out pictures at a quality in [0, 1]: estimated bpp, and PSNR in dB."""

    step: int
    quality: float
    bpp: float
    psnr: float


@dataclass(frozen=True)
class StepResult:
    """What a step gave, averaged over the processes."""

    loss: float
    bpp: float
    """Not a number if the stage has an objective of its own; the same holds for ``mse``."""
    mse: float
    norm: float
    """Of the gradient, before clipping."""
    fraction: float
    """Spent fraction of the budget."""
    stops: bool
    """Whether any process was asked to stop."""


@dataclass
class TrainingState:
    """Counters, running means and curves of a training."""

    step: int = 0
    seconds: float = 0.0
    crops: int = 0
    """Of the first process."""
    skipped: int = 0
    bpp: float = math.nan
    psnr: float = math.nan
    loss: float = math.nan
    """Running mean of the rate-distortion loss, as ``bpp`` and ``psnr``."""
    stage_loss: float = math.nan
    """Running mean of the loss of a stage that has an objective of its own."""
    norm: float = math.inf
    """Running mean of the gradient's norm; a step with a much larger norm is skipped."""
    stage: int = 1
    """Number of the stage, from 1."""
    stage_start: int = 0
    """The step after which the stage began."""
    moments_start: int = 0
    """The step after which the optimizer's moments began, 0 unless they were lost."""
    history: list[HistoryRow] = field(default_factory=list)
    validations: list[ValidationRow] = field(default_factory=list)

    def enter(self, stage: int) -> None:
        """Begin a stage, of a number from 1."""
        self.stage, self.stage_start = stage, self.step
        self.norm, self.stage_loss = math.inf, math.nan

    def take(self, result: StepResult, own_objective: bool) -> None:
        """Take the result of a step into the running means.

        ``own_objective``: the loss is that of the stage, not one of rate and distortion.
        """
        self.norm = _mean(self.norm, result.norm, 0.99)
        smooth = 0.98 if self.step - self.stage_start > 100 else 0.9
        if own_objective:
            self.stage_loss = _mean(self.stage_loss, result.loss, smooth)
            return
        self.loss = _mean(self.loss, result.loss, smooth)
        self.bpp = _mean(self.bpp, result.bpp, smooth)
        self.psnr = _mean(self.psnr, psnr_of(max(result.mse, 1e-4)), smooth)

    def to_values(self) -> dict[str, Any]:
        """The fields as plain values; the rows become lists."""
        return {
            **vars(self),
            "history": [list(row) for row in self.history],
            "validations": [list(row) for row in self.validations],
        }

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> TrainingState:
        """The inverse of `to_values`; raises TypeError or ValueError for other values."""
        fields = dict(values)
        if "second_loss" in fields:  # the name in checkpoints that knew two stages only
            fields["stage_loss"] = fields.pop("second_loss")
        history = [HistoryRow(int(step), *rest) for step, *rest in fields.pop("history")]
        validations = [ValidationRow(int(step), *rest) for step, *rest in fields.pop("validations")]
        return cls(**fields, history=history, validations=validations)


def _mean(old: float, new: float, smooth: float) -> float:
    """A running mean; the first value stands for itself."""
    return smooth * old + (1 - smooth) * new if math.isfinite(old) else new
