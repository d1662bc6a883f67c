"""Callbacks of a training's first process; `lic.training.monitor` implements them for people."""

from __future__ import annotations

from collections.abc import Sequence

from lic.models import CodecModel
from lic.models.stage import Output
from lic.training.state import HistoryRow, TrainingState
from lic.training.validation import RatePoint


class Observer:
    """Callbacks of the first process; these do nothing."""

    def on_step(self, state: TrainingState, fraction: float) -> None:
        """After a step; ``fraction`` of the budget is spent."""

    def on_history(self, row: HistoryRow) -> None:
        """After a new row of the state's history."""

    def on_validation(
        self, step: int, points: Sequence[RatePoint], model: CodecModel, output: Output | None
    ) -> None:
        """After a validation; ``model`` has the averaged weights, in evaluation mode.

        ``output`` is the stage's own, by which it was validated.
        """
