"""The four-step context model: parameters of each latent from the hyperprior and decoded latents.

A latent's place is one of four positions of a 2x2 cell and one of four channel quarters. In step s
quarter g is coded at position g xor s: a Latin square, so that every step codes a quarter of all
latents, and sees all those of the earlier steps, at the same place and around it. After the
quadtree and DCVC-DC/RT context models (arXiv 2302.14402, section 3.4; arXiv 2502.20762).
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from lic.models.deployable.transforms import BlockShape, blocks

STEPS = 4
# The positions' order: diagonal neighbours first, so that step 1 sees a checkerboard.
_POSITIONS = ((0, 0), (1, 1), (0, 1), (1, 0))


def position(group: int, step: int) -> tuple[int, int]:
    """Where in a 2x2 cell (row, column) a quarter of the channels is coded in a step."""
    return _POSITIONS[group ^ step]


def gather_step(y: Tensor, step: int) -> Tensor:
    """The latents of one step: (B, C, h, w) to (B, C, h/2, w/2), quarter by quarter."""
    parts = []
    for group, quarter in enumerate(y.chunk(STEPS, dim=1)):
        row, column = position(group, step)
        parts.append(quarter[:, :, row::2, column::2])
    return torch.cat(parts, dim=1)


def scatter_step(values: Tensor, step: int) -> Tensor:
    """The inverse of `gather_step`: (B, C, h/2, w/2) to (B, C, h, w), zero elsewhere."""
    batch, channels, height, width = values.shape
    cells = values.new_zeros(batch, channels, height, 2, width, 2)
    size = channels // STEPS
    for group, quarter in enumerate(values.chunk(STEPS, dim=1)):
        row, column = position(group, step)
        cells[:, group * size : (group + 1) * size, :, row, :, column] = quarter
    return cells.view(batch, channels, 2 * height, 2 * width)


class ContextStep(nn.Module):
    """One step: features (B, F, h, w) and latents so far (B, M, h, w) to raw parameters.

    It looks at the latents of the first ``visible`` steps only, which may be fewer than came before
    it. The result is (B, outputs, M, h/2, w/2), in the order of `gather_step`.
    """

    def __init__(
        self,
        features: int,
        latents: int,
        width: int,
        shapes: Iterable[BlockShape],
        outputs: int,
        step: int,
        visible: int,
    ) -> None:
        super().__init__()
        self.step = step
        self.visible = visible
        self.outputs = outputs
        self.fuse = nn.Conv2d(features + (latents if visible else 0), width, 1)
        self.blocks = blocks(width, shapes, gated=False)
        size = outputs * latents // STEPS
        self.heads = nn.ModuleList(nn.Conv2d(width, size, 1) for _ in range(STEPS))

    def forward(self, features: Tensor, decoded: Tensor) -> Tensor:
        """Raw parameters of this step's latents; ``decoded`` is zero where not yet coded."""
        h = features
        if self.visible:
            if self.visible < self.step:
                steps = (scatter_step(gather_step(decoded, i), i) for i in range(self.visible))
                decoded = torch.stack(list(steps)).sum(0)
            h = torch.cat((features, decoded), dim=1)
        h = self.blocks(self.fuse(h))
        parts = []
        for group, head in enumerate(self.heads):
            row, column = position(group, self.step)
            out = head(h[:, :, row::2, column::2].contiguous())
            parts.append(out.unflatten(1, (self.outputs, -1)))
        return torch.cat(parts, dim=2)
