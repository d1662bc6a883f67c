"""Linear start: a new network begins as the KLT codec of its training pictures.

The first and last layers of the transforms are set to the principal components of 8x8 blocks, then
of 2x2 cells of those; every residual branch is zero at the start, so that the network is an
orthonormal block transform at step 0, with scales that fit its coefficients.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lic.models.deployable.context import STEPS
from lic.models.deployable.transforms import Analysis, Synthesis
from lic.models.linear_start import principal_components, start_scales


@torch.no_grad()
def linear_start(
    analysis: Analysis,
    synthesis: Synthesis,
    steps: Iterable[nn.Module],
    crops: Tensor,
    components: int,
) -> None:
    """Initialise transforms and context steps from crops (N, 3, H, W), uint8.

    H and W are multiples of 16; ``components`` is the number K of the mixtures.
    """
    stem, down = analysis.stem.conv, analysis.down.conv
    up, head = synthesis.up.conv, synthesis.head.conv
    blocks = F.pixel_unshuffle(crops.double() / 255 - 0.5, 8)
    # Channels beyond the 192 of an 8x8 block keep their random start, out of the signal's way.
    count = min(stem.out_channels, blocks.shape[1])
    first, _ = principal_components(blocks.transpose(0, 1).flatten(1).T, count)
    cells = F.pixel_unshuffle(torch.einsum("kc,nchw->nkhw", first, blocks), 2)
    rows = cells.transpose(0, 1).flatten(1).T
    second, variance = principal_components(rows, down.out_channels)

    for conv in (stem, down, up, head):
        nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
    for conv in (down, up, head):
        nn.init.zeros_(conv.weight)
    stem.weight[:count] = first[:, :, None, None].float()
    head.weight[:, :count] = first.T[:, :, None, None].float()
    down.weight[:, : 4 * count] = second[:, :, None, None].float()
    up.weight[: 4 * count] = second.T[:, :, None, None].float()

    step: Any
    for step in steps:
        for layer, part in zip(step.heads, variance.chunk(STEPS), strict=True):
            start_scales(layer, part, components)
