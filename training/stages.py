"""The stages of a training in order: which one a fraction of the budget belongs to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from lic.models import CodecModel, ModelOutput, Stage
from lic.models.stage import Objective, Output


class Plan:
    """The stages that a model has parameters for, each with its part of the budget.

    Parameters
    ----------
    stages
        In order. The first one takes the budget that the others leave.
    model
        The model to train.
    shares
        Fractions of the budget by a stage's name; other stages have their own. A stage whose
        share is zero is never entered, but is undone with the others.
    """

    def __init__(
        self, stages: Sequence[Stage], model: CodecModel, shares: Mapping[str, float]
    ) -> None:
        self.stages = tuple(s for s in stages if any(True for _ in s.parameters(model)))
        later = [shares.get(stage.name, stage.share) for stage in self.stages[1:]]
        rests = (sum(later[i:]) for i in range(len(later) + 1))
        self._bounds = (0.0, *(1 - rest for rest in rests))

    def number(self, fraction: float) -> int:
        """The number, from 1, of the stage at a spent fraction of the budget."""
        return sum(fraction >= bound for bound in self._bounds[:-1])

    def stage(self, number: int) -> Stage:
        """The stage of a number from 1."""
        return self.stages[number - 1]

    def spent(self, number: int, fraction: float) -> float:
        """The spent fraction, 0 to 1, of a stage's own part of the budget."""
        start, end = self._bounds[number - 1 : number + 1]
        return min((fraction - start) / (end - start), 1.0)


def freeze_others(model: CodecModel, stage: Stage) -> None:
    """Let the parameters of a stage be trained, and no others; gradients are dropped."""
    trained = {id(parameter) for parameter in stage.parameters(model)}
    for parameter in model.parameters():
        parameter.grad = None
        parameter.requires_grad_(id(parameter) in trained)


class StagePass(nn.Module):
    """A stage's own objective or output, as a pass that DistributedDataParallel can wrap."""

    def __init__(self, model: CodecModel, own: Objective | Output) -> None:
        super().__init__()
        self.model = model
        self.own = own

    def forward(self, x: Tensor, quality: Tensor) -> Tensor | ModelOutput:
        """Of pictures and qualities, as for `CodecModel.forward`."""
        return self.own(self.model, x, quality)
