"""Linear start: what the families share to begin as the KLT codec of their training pictures.

The principal components of blocks become a transform's first and last layers, and the variances of
the coefficients the first scales. It is worth some 1,500 of 10,000 steps of a short training.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

_SCALE_SPREAD = (0.0, -0.7, 0.7, 1.4)


def principal_components(rows: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The ``count`` strongest directions (count, d) of rows (n, d), and their mean squares."""
    values, vectors = torch.linalg.eigh(rows.T @ rows / rows.shape[0])
    return vectors.flip(1)[:, :count].T, values.flip(0)[:count].clamp_min(1e-6)


@torch.no_grad()
def start_scales(head: nn.Conv2d, variance: Tensor, components: int) -> None:
    """Let a layer of raw mixture parameters begin with the scales of latents' variances (m,)."""
    deviation = variance.sqrt().log().float()
    head.weight.mul_(0.1)
    bias = nn.init.zeros_(head.bias).view(-1, len(deviation))  # type: ignore[arg-type]
    for component in range(components):
        bias[1 + component] = deviation + _SCALE_SPREAD[component]
