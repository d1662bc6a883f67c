"""The two passes of a slice: anchors (row + column odd), then the positions between them.

A pass's positions are packed row by row into half the width: (..., h, w) holds two planes
(..., h, w/2). Both sides are even (latents' sides are multiples of 4). Checkerboard context: He et
al. 2021 (arXiv 2103.15306).
"""

from __future__ import annotations

import torch
from torch import Tensor

ANCHORS, OTHERS = 0, 1
"""The passes, in the order of coding."""


def gather(plane: Tensor, part: int) -> Tensor:
    """The positions of a pass: (..., h, w) to (..., h, w/2)."""
    pairs = torch.unflatten(plane, -1, (-1, 2))
    rows = (pairs[..., 0::2, :, 1 - part], pairs[..., 1::2, :, part])
    return torch.stack(rows, dim=-2).flatten(-3, -2)


def scatter(values: Tensor, part: int) -> Tensor:
    """The inverse of `gather`: (..., h, w/2) to (..., h, w), zero at the other pass's positions."""
    rows = []
    for row in range(2):
        own = values[..., row::2, :]
        pair = (own, torch.zeros_like(own))
        rows.append(torch.stack(pair if row ^ part else pair[::-1], dim=-1))
    return torch.stack(rows, dim=-3).flatten(-2).flatten(-3, -2)


def coordinates(height: int, width: int, like: Tensor) -> Tensor:
    """Row and column of each position, (2, h, w), of the type and device of a tensor."""
    rows = torch.arange(height, dtype=like.dtype, device=like.device)
    columns = torch.arange(width, dtype=like.dtype, device=like.device)
    return torch.stack(torch.meshgrid(rows, columns, indexing="ij"))
