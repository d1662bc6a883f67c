"""The training stages of MLICv2: the network, then guided selective compression.

The selection learns from a network that is finished; the first stage does not use the selection.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lic.models.mixture import Mixture
from lic.models.stage import Stage

if TYPE_CHECKING:
    from lic.models.mlic.model import Mlic


def _network_parameters(model: Mlic) -> Iterable[nn.Parameter]:
    selection = {id(parameter) for parameter in model.entropy.selection.parameters()}
    return (parameter for parameter in model.parameters() if id(parameter) not in selection)


def _selection_parameters(model: Mlic) -> Iterable[nn.Parameter]:
    return model.entropy.selection.parameters()


def _selection_loss(model: Mlic, x: Tensor, quality: Tensor) -> Tensor:
    """The cross entropy of the predictions which symbols are not zero.

    Symbols and contexts are those of coding, with the selection as it is.
    """
    was_training = model.training
    model.eval()  # the entropy path uses the selection in evaluation mode only
    path = model.entropy
    with torch.no_grad():
        y = model.analysis(x, quality)
        z = model.hyper_analysis(y, quality).float().round()
    scaled = y.float() * path.latent_gain(quality)
    losses = []

    def quantise(step: int, mixture: Mixture) -> Tensor:
        symbols = (path.gather(scaled, step) - mixture.centre).detach().round()
        if mixture.selection is not None:
            target = (symbols != 0).to(mixture.selection.dtype)
            losses.append(F.binary_cross_entropy_with_logits(mixture.selection, target))
        return mixture.select(symbols) + mixture.centre

    path(z, quality, quantise)
    model.train(was_training)
    return torch.stack(losses).mean()


def _select_all(model: Mlic) -> None:
    for predictor in model.entropy.selection:
        predictor.reset()  # type: ignore[operator]


SELECTION = Stage(
    "selection",
    _selection_parameters,
    _selection_loss,
    share=0.05,
    warms_up=False,  # it is short, and its last layer starts at zero
    from_average=True,
    reset=_select_all,
)
STAGES = (Stage("network", _network_parameters), SELECTION)
