"""Linear start of MLICv2's transforms: a new network begins as a KLT codec of its pictures.

As `lic.models.deployable.linear_start`, stage by stage: each skip connection of the analysis
becomes the principal components of the 2x2 cells before it, each one of the synthesis their
transpose. The branches beside them start at zero.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from lic.models.linear_start import principal_components, start_scales
from lic.models.mlic.entropy import SlicePath
from lic.models.mlic.transforms import Analysis, Synthesis


def _clear(conv: Any) -> Tensor:
    """Zero a convolution; gives its weight."""
    torch.nn.init.zeros_(conv.bias)
    weight: Tensor = torch.nn.init.zeros_(conv.weight)
    return weight


@torch.no_grad()
def linear_start(
    analysis: Analysis, synthesis: Synthesis, path: SlicePath, crops: Tensor, components: int
) -> None:
    """Initialise transforms and heads from crops (N, 3, H, W), uint8, sides multiples of 16.

    ``components`` is the number K of the mixtures.
    """
    skips: list[Any] = [block.skip for block in analysis.strides]
    ups: list[Any] = [up.skip for up in synthesis.ups]
    x = crops.double() / 255 - 0.5
    for skip, up in zip(skips, [synthesis.head, *ups[:0:-1]], strict=True):
        x, basis, _ = _stage(x, skip.conv.out_channels)
        _clear(skip.conv)[: len(basis), : basis.shape[1], 0, 0] = basis
        _clear(up.conv)[: basis.shape[1], : len(basis), 1, 1] = basis.T
    _, basis, variance = _stage(x, analysis.down.out_channels)
    # Of a 3x3 kernel with stride 2, the last two rows and columns lie on a 2x2 cell.
    taps = basis.view(len(basis), -1, 2, 2)
    _clear(analysis.down)[: len(basis), : taps.shape[1], 1:, 1:] = taps
    _clear(ups[0].conv)[: basis.shape[1], : len(basis), 1, 1] = basis.T

    head: Any
    for step, head in enumerate(path.heads):
        own = variance[step // 2 * path.size :][: path.size]
        if len(own) == path.size:
            start_scales(head.last, own, components)


def _stage(x: Tensor, limit: int) -> tuple[Tensor, Tensor, Tensor]:
    """Components of 2x2 cells of x: their values, the basis (count, 4C), and the mean squares."""
    cells = F.pixel_unshuffle(x, 2)
    count = min(limit, cells.shape[1])
    basis, variance = principal_components(cells.transpose(0, 1).flatten(1).T, count)
    return torch.einsum("kc,nchw->nkhw", basis, cells), basis.float(), variance
