"""A stage of training, as a value.

A family declares its stages (`lic.models.base.CodecModel.stages`), other trainings bring their own,
and the training loop runs a list of them: a new kind of stage is a new value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

if TYPE_CHECKING:
    from lic.models.base import ModelOutput

Objective = Callable[[Any, Tensor, Tensor], Tensor]
"""(model, pictures, qualities) to a scalar loss; pictures and qualities are as for
`lic.models.base.CodecModel.forward`."""
Output = Callable[[Any, Tensor, Tensor], "ModelOutput"]
"""(model, pictures, qualities) to the output from which rate and distortion are computed."""


def _keep(model: Any) -> None:
    """Reset nothing."""


@dataclass(frozen=True)
class Stage:
    """What a part of a training learns, from what objective, and for how long.

    All functions take the model that is trained. A stage without parameters is left out.
    """

    name: str
    parameters: Callable[[Any], Iterable[nn.Parameter]]
    """The parameters that the stage trains; all others are frozen."""
    objective: Objective | None = None
    """None: rate and distortion of the output, by the settings of the training."""
    output: Output | None = None
    """None: that of the model's forward pass."""
    share: float = 0.0
    """Fraction of the budget, 0 to 1. The first stage takes what the others leave."""
    learning_rate: float = 1.0
    """Peak of the learning rate, in units of the training's."""
    warms_up: bool = True
    """Whether the learning rate rises over the training's warm-up steps before it falls."""
    from_average: bool = False
    """Whether the stage starts from the averaged weights of the stage before, or from the last."""
    rounded: bool = False
    """Whether the model is in evaluation mode: the rate, too, is that of rounded latents."""
    reset: Callable[[Any], None] = _keep
    """Undoes the stage. What it learned is valid only for the weights that it started from."""

    def __post_init__(self) -> None:
        """Raise ValueError for an output that no loss would see."""
        if self.objective is not None and self.output is not None:
            raise ValueError("a stage has an objective of its own or an output, not both")
