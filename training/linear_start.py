"""Linear start: a new network begins as the KLT codec of its training pictures.

The first and last layers of the transforms are set to the principal components of 8x8 blocks, then
of 2x2 cells of those; every residual branch is zero at the start, so that the network is an
orthonormal block transform at step 0, with scales that fit its coefficients. It is worth some
1,500 of 10,000 steps of a short training.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from lic.models.deployable import Deployable

_SCALE_SPREAD = (0.0, -0.7, 0.7, 1.4)


def _principal_components(rows: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The ``count`` strongest directions (count, d) of rows (n, d), and their variances."""
    values, vectors = torch.linalg.eigh(rows.T @ rows / rows.shape[0])
    return vectors.flip(1)[:, :count].T, values.flip(0)[:count].clamp_min(1e-6)


@torch.no_grad()
def linear_start(model: Deployable, crops: Tensor) -> None:
    """Initialise ``model`` from crops (N, 3, H, W) of uint8; H and W multiples of 16."""
    config = model.config
    x = crops.double() / 255 - 0.5
    blocks = F.pixel_unshuffle(x, 8)
    count = min(config.width, blocks.shape[1])
    first, _ = _principal_components(blocks.transpose(0, 1).flatten(1).T, count)
    h = torch.einsum("kc,nchw->nkhw", first, blocks)
    cells = F.pixel_unshuffle(h, 2)
    second, variance = _principal_components(cells.transpose(0, 1).flatten(1).T, config.latents)

    analysis, synthesis = model.analysis, model.synthesis
    for layer in (analysis.stem, analysis.down, synthesis.up, synthesis.head):
        layer.conv.bias.zero_()
    # Channels beyond the 192 of an 8x8 block keep their random start, out of the signal's way.
    analysis.stem.conv.weight[:count] = first[:, :, None, None].float()
    synthesis.head.conv.weight.zero_()
    synthesis.head.conv.weight[:, :count] = first.T[:, :, None, None].float()

    down = analysis.down.conv.weight
    down.zero_()
    down[:, : 4 * count] = second[:, :, None, None].float()
    up = synthesis.up.conv.weight
    up.zero_()
    up[: 4 * count] = second.T[:, :, None, None].float()

    latents, size = config.latents, config.latents // 4
    deviation = variance.sqrt().log().float()
    for step in model.entropy.steps:
        for group, head in enumerate(step.heads):
            head.weight.mul_(0.1)
            bias = head.bias.zero_().view(-1, size)
            part = deviation[group * size : (group + 1) * size]
            for component in range(config.components):
                bias[1 + component] = part + _SCALE_SPREAD[component]
    assert latents == 4 * size
