"""Analysis and synthesis transforms of the deployable family, and their hyper counterparts.

    x (B,3,H,W) -> /8 -> [blocks] -> /16 -> [blocks] -> y      (analysis)
    y -> [blocks] -> x2 -> [blocks] -> x8 -> x                 (synthesis)
    y (1/16) -> /32 -> /64 -> z                                (hyper analysis)
    z (1/64) -> /32 -> /16 -> features for the context model   (hyper synthesis)

The heavy work happens at 1/8 and 1/16 of the resolution (as in DCVC-RT, arXiv 2502.20762): on a
CPU it is memory traffic that decides the speed. Latents here are in the picture's own units
(x in 0..1, shifted by 1/2); the model multiplies them by its gains to get quantization steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from lic.models.layers import Down, QualityGain, TokenMixing, Up


@dataclass(frozen=True)
class BlockShape:
    """What of a token-mixing block can be chosen, its width aside."""

    kernel: int
    """Side of the depthwise convolution: 3, 5 or 7."""
    expansion: float
    """Width of the channel branch, in units of the block's."""


def blocks(width: int, shapes: Iterable[BlockShape], gated: bool) -> nn.Sequential:
    """A stage: token-mixing blocks of one width, one after the other."""
    return nn.Sequential(
        *(TokenMixing(width, shape.expansion, gated, shape.kernel) for shape in shapes)
    )


class Analysis(nn.Module):
    """Picture (B, 3, H, W) in 0..1, H and W multiples of 16, to latents (B, M, H/16, W/16)."""

    def __init__(
        self,
        width: int,
        latents: int,
        levels: int,
        shapes: Sequence[BlockShape],
        latent_shapes: Sequence[BlockShape],
    ) -> None:
        super().__init__()
        self.stem = Down(3, width, 8)
        self.gain = QualityGain(levels, width)
        self.blocks = blocks(width, shapes, gated=True)
        self.down = Down(width, latents, 2)
        self.latent_blocks = blocks(latents, latent_shapes, gated=True)

    def forward(self, x: Tensor, quality: Tensor) -> Tensor:
        """Latents of x at qualities (B,) in [0, 1]."""
        h = self.stem(x - 0.5) * self.gain(quality)
        out: Tensor = self.latent_blocks(self.down(self.blocks(h)))
        return out


class Synthesis(nn.Module):
    """Latents (B, M, h, w) to a picture (B, 3, 16h, 16w) in 0..1 (not clamped)."""

    def __init__(
        self,
        width: int,
        latents: int,
        levels: int,
        shapes: Sequence[BlockShape],
        latent_shapes: Sequence[BlockShape],
    ) -> None:
        super().__init__()
        self.latent_blocks = blocks(latents, latent_shapes, gated=True)
        self.up = Up(latents, width, 2)
        self.gain = QualityGain(levels, width)
        self.blocks = blocks(width, shapes, gated=True)
        self.head = Up(width, 3, 8)

    def forward(self, y: Tensor, quality: Tensor) -> Tensor:
        """Picture of latents y at qualities (B,) in [0, 1]."""
        h = self.up(self.latent_blocks(y))
        out: Tensor = self.head(self.blocks(h) * self.gain(quality)) + 0.5
        return out


class HyperAnalysis(nn.Module):
    """Latents (B, M, h, w), h and w multiples of 4, to side information z (B, Z, h/4, w/4)."""

    def __init__(self, latents: int, width: int, hyper: int, levels: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(latents, width, 1)
        self.gain = QualityGain(levels, width)
        self.body = nn.Sequential(
            TokenMixing(width, 1, gated=True),
            Down(width, width, 2),
            TokenMixing(width, 1, gated=True),
            Down(width, hyper, 2),
        )

    def forward(self, y: Tensor, quality: Tensor) -> Tensor:
        """Real-valued z of latents y at qualities (B,) in [0, 1]."""
        out: Tensor = self.body(self.stem(y) * self.gain(quality))
        return out


class HyperSynthesis(nn.Module):
    """Decoded z (B, Z, h/4, w/4) to features (B, features, h, w) for the context model.

    It is part of the entropy path: ReLUs only (see `TokenMixing`).
    """

    def __init__(self, hyper: int, width: int, features: int, levels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            Up(hyper, width, 2),
            TokenMixing(width, 2, gated=False),
            Up(width, features, 2),
            TokenMixing(features, 2, gated=False),
        )
        self.gain = QualityGain(levels, features)

    def forward(self, z: Tensor, quality: Tensor) -> Tensor:
        """Features of decoded z at qualities (B,) in [0, 1]."""
        out: Tensor = self.body(z) * self.gain(quality)
        return out
