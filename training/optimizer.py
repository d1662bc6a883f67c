"""The optimizer: AdamW with a learning rate for each kind of parameter, and its schedule."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from lic.models import CodecModel
from lic.training.config import TrainingConfig


def optimizer(model: CodecModel, config: TrainingConfig) -> torch.optim.AdamW:
    """AdamW of the trained parameters, grouped by weight decay and by a learning rate factor.

    AdamW changes all weights by similar amounts. A dense k x k convolution sums over k^2 times as
    many weights as a 1x1 one, so that its output would change k^2 times as much: its factor is
    1 / k^2.
    """
    factors = {
        id(module.weight): 1 / math.prod(module.kernel_size)
        for module in model.modules()
        if isinstance(module, nn.Conv2d) and module.groups == 1
    }
    groups: dict[tuple[bool, float], list[nn.Parameter]] = {}
    for parameter in model.parameters():
        if parameter.requires_grad:
            key = (parameter.ndim == 4, factors.get(id(parameter), 1.0))
            groups.setdefault(key, []).append(parameter)
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "weight_decay": config.weight_decay if decays else 0.0,
                "factor": factor,
            }
            for (decays, factor), parameters in sorted(groups.items(), reverse=True)
        ],
        lr=config.learning_rate,
        betas=(0.9, 0.98),
        fused=True,
    )


def restore_moments(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Load an optimizer's saved state, but keep the weight decay and the factor of each group.

    Raises ValueError or KeyError if the state is of other parameters.
    """
    settings = [(group["weight_decay"], group["factor"]) for group in optimizer.param_groups]
    optimizer.load_state_dict(state)
    for group, (decay, factor) in zip(optimizer.param_groups, settings, strict=True):
        group["weight_decay"], group["factor"] = decay, factor


def falling(config: TrainingConfig, spent: float) -> float:
    """The learning rate in units of its peak, 1 to 0, at a spent fraction of a stage."""
    if config.schedule == "cosine":
        return (1 + math.cos(math.pi * spent)) / 2
    if config.schedule == "trapezoid":
        return min((1 - spent) / config.fall, 1.0)
    return 1 - spent
