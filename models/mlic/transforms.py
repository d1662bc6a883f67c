"""MLICv2's transforms and hyper transforms, with the gains that let one network serve all rates.

    x -> /2 [blocks] -> /4 [blocks] -> /8 [blocks] -> /16 -> y            (analysis)
    y [blocks] -> /8 [blocks] -> /4 [blocks] -> /2 [blocks] -> x          (synthesis)
    y (1/16) -> /32 -> /64 -> z       z -> /32 -> /16 -> features         (hyper transforms)

Stride blocks and hyper transforms are MLIC++'s (arXiv 2307.15421), the blocks between them MLICv2's
(arXiv 2504.19119). Latents are in the picture's own units (x in 0..1, shifted by 1/2).
"""

from __future__ import annotations

import math

from torch import Tensor, nn

from lic.models.layers import Down, QualityGain
from lic.models.mlic.layers import (
    DivisiveNorm,
    ResidualBlock,
    SimpleTokenMixing,
    SubPixel,
    conv3x3,
    zeroed,
)

Widths = tuple[int, int, int]
"""Channels at 1/2, 1/4 and 1/8 of the resolution."""


def _blocks(channels: int, expansion: float) -> nn.Sequential:
    """Two STMs, or for ``expansion`` 0 the residual block which they replace."""
    if not expansion:
        return nn.Sequential(ResidualBlock(channels))
    return nn.Sequential(*(SimpleTokenMixing(channels, expansion) for _ in range(2)))


def halo(expansion: float) -> int:
    """The number of latents around a region that its transforms depend on, the larger of the two.

    Synthesis: blocks at 1/16, then three times a sub-pixel convolution before and a convolution
    and blocks after the upsampling, then a sub-pixel convolution at 1/2. Analysis sees less.
    """
    blocks = 2 * SimpleTokenMixing.reach if expansion else ResidualBlock.reach
    pixels = 16 * blocks + sum(2 * side + side + side * blocks for side in (8, 4, 2)) + 2
    return math.ceil(pixels / 16)


class StrideBlock(nn.Module):
    """Halves the resolution: conv3x3 s2, GELU, conv3x3, GDN, beside a 1x1 skip.

    MLIC++'s skip sees one pixel of four. Here it sees all of them (2x2 pixels folded into
    channels): then it can pass a picture on without loss, as `linear_start` makes it do.
    """

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            conv3x3(channels_in, channels_out, stride=2),
            nn.GELU(),
            zeroed(conv3x3(channels_out, channels_out)),
            DivisiveNorm(channels_out),
        )
        self.skip = Down(channels_in, channels_out, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels_in, H, W) to (B, channels_out, H/2, W/2)."""
        out: Tensor = self.body(x) + self.skip(x)
        return out


class UpsampleBlock(nn.Module):
    """Doubles the resolution: sub-pixel conv, GELU, conv3x3, inverse GDN, beside a sub-pixel skip.

    As in MLIC++.
    """

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            SubPixel(channels_in, channels_out),
            nn.GELU(),
            zeroed(conv3x3(channels_out, channels_out)),
            DivisiveNorm(channels_out, inverse=True),
        )
        self.skip = SubPixel(channels_in, channels_out)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels_in, H, W) to (B, channels_out, 2H, 2W)."""
        out: Tensor = self.body(x) + self.skip(x)
        return out


class Analysis(nn.Module):
    """Picture (B, 3, H, W) in 0..1, H and W multiples of 16, to latents (B, M, H/16, W/16).

    MLIC++'s stride blocks with MLICv2's token mixing between them.
    """

    def __init__(self, widths: Widths, latents: int, expansion: float, levels: int) -> None:
        super().__init__()
        self.strides = nn.ModuleList(
            StrideBlock(before, width) for before, width in zip((3, *widths), widths, strict=False)
        )
        self.blocks = nn.ModuleList(_blocks(width, expansion) for width in widths)
        self.gain = QualityGain(levels, widths[0])
        self.down = conv3x3(widths[-1], latents, stride=2)

    def forward(self, x: Tensor, quality: Tensor) -> Tensor:
        """Latents of x at qualities (B,) in [0, 1]."""
        h = x - 0.5
        for i, (block, blocks) in enumerate(zip(self.strides, self.blocks, strict=True)):
            h = block(h)
            h = blocks(h if i else h * self.gain(quality))
        out: Tensor = self.down(h)
        return out


class Synthesis(nn.Module):
    """Latents (B, M, h, w) to a picture (B, 3, 16h, 16w) in 0..1 (not clamped).

    MLIC++'s upsampling blocks with MLICv2's token mixing before and between them.
    """

    def __init__(self, widths: Widths, latents: int, expansion: float, levels: int) -> None:
        super().__init__()
        rising = widths[::-1]
        self.latent_blocks = _blocks(latents, expansion)
        self.ups = nn.ModuleList(
            UpsampleBlock(before, width)
            for before, width in zip((latents, *rising), rising, strict=False)
        )
        self.blocks = nn.ModuleList(_blocks(width, expansion) for width in rising)
        self.gain = QualityGain(levels, widths[0])
        self.head = SubPixel(widths[0], 3)

    def forward(self, y: Tensor, quality: Tensor) -> Tensor:
        """Picture of latents y at qualities (B,) in [0, 1]."""
        h = self.latent_blocks(y)
        for up, blocks in zip(self.ups, self.blocks, strict=True):
            h = blocks(up(h))
        out: Tensor = self.head(h * self.gain(quality)) + 0.5
        return out


class HyperAnalysis(nn.Module):
    """Latents (B, M, h, w), h and w multiples of 4, to side information z (B, Z, h/4, w/4).

    MLIC++'s five 3x3 convolutions with GELU between them.
    """

    def __init__(self, latents: int, hyper: int, levels: int) -> None:
        super().__init__()
        self.stem = conv3x3(latents, hyper)
        self.gain = QualityGain(levels, hyper)
        self.body = nn.Sequential(
            nn.GELU(),
            conv3x3(hyper, hyper),
            nn.GELU(),
            conv3x3(hyper, hyper, stride=2),
            nn.GELU(),
            conv3x3(hyper, hyper),
            nn.GELU(),
            conv3x3(hyper, hyper, stride=2),
        )

    def forward(self, y: Tensor, quality: Tensor) -> Tensor:
        """Real-valued z of latents y at qualities (B,) in [0, 1]."""
        out: Tensor = self.body(self.stem(y) * self.gain(quality))
        return out


class HyperSynthesis(nn.Module):
    """Decoded z (B, Z, h/4, w/4) to the hyperprior's features (B, 2M, h, w).

    MLIC++'s: widths M, M, 1.5 M, 1.5 M, 2 M. The second half of the features is what MLIC++ calls
    the means; latent residual prediction sees that half.
    """

    def __init__(self, hyper: int, latents: int, levels: int) -> None:
        super().__init__()
        middle = 3 * latents // 2
        self.body = nn.Sequential(
            conv3x3(hyper, latents),
            nn.GELU(),
            SubPixel(latents, latents),
            nn.GELU(),
            conv3x3(latents, middle),
            nn.GELU(),
            SubPixel(middle, middle),
            nn.GELU(),
            conv3x3(middle, 2 * latents),
        )
        self.gain = QualityGain(levels, 2 * latents)

    def forward(self, z: Tensor, quality: Tensor) -> Tensor:
        """Features of decoded z at qualities (B,) in [0, 1]."""
        out: Tensor = self.body(z) * self.gain(quality)
        return out
