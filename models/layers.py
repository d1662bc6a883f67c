"""The layers that every network here is made of.

All are 1x1 convolutions, depthwise k x k convolutions, pointwise functions and pixel (un)shuffles:
what a CPU runs fast at low resolution, and what the exact integer form of the entropy path allows.
Nothing normalises by statistics of the picture, so that tiles of a picture agree with the whole.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lic.models.depthwise import DepthwiseConvolution


class _LowerBound(torch.autograd.Function):
    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, x: Tensor, bound: float) -> Tensor:
        ctx.save_for_backward(x)
        ctx.bound = bound  # type: ignore[attr-defined]
        return x.clamp_min(bound)

    @staticmethod
    def backward(
        ctx: torch.autograd.function.FunctionCtx, *grads: Tensor
    ) -> tuple[Tensor | None, None]:
        (x,) = ctx.saved_tensors  # type: ignore[attr-defined]
        passes = (x >= ctx.bound) | (grads[0] < 0)  # type: ignore[attr-defined]
        return grads[0] * passes, None


def lower_bound(x: Tensor, bound: float) -> Tensor:
    """max(x, bound), with a gradient that can still lift values from below the bound.

    After Balle et al. 2018 (arXiv 1802.01436), section 6.1.
    """
    result: Tensor = _LowerBound.apply(x, bound)  # type: ignore[no-untyped-call]
    return result


def round_ste(x: Tensor) -> Tensor:
    """Round to the nearest integer; the gradient is that of the identity."""
    return x + (x.round() - x).detach()


class TokenMixing(nn.Module):
    """Two residual branches: a spatial one (1x1, depthwise, 1x1) and a channel one (1x1, 1x1).

    With ``gated=True`` (transforms) the channel branch expands to 2e channels, multiplies one half
    by the hard sigmoid of the other, and projects. With ``gated=False`` (entropy path, which must
    have an exact integer form) every nonlinearity is a ReLU and no two activations are multiplied.

    The last layer of each branch starts at zero: the block starts as the identity, which is what
    keeps the high learning rates of short trainings stable. After the token-mixing blocks of
    MLICv2 (arXiv 2504.19119) and the depthwise blocks of DCVC-RT (arXiv 2502.20762), without
    their normalisation.

    Shapes: (B, width, H, W) to the same. ``kernel`` is the odd side of the depthwise convolution.
    """

    def __init__(self, width: int, expansion: float, gated: bool, kernel: int = 3) -> None:
        super().__init__()
        inner = int(width * expansion)
        self.gated = gated
        self.spatial_in = nn.Conv2d(width, width, 1)
        self.spatial = DepthwiseConvolution(width, kernel)
        self.spatial_out = nn.Conv2d(width, width, 1)
        self.channel_in = nn.Conv2d(width, 2 * inner if gated else inner, 1)
        self.channel_out = nn.Conv2d(inner, width, 1)
        for last in (self.spatial_out, self.channel_out):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block to x (B, width, H, W)."""
        mixed = self.spatial_in(x)
        mixed = F.hardswish(mixed) if self.gated else F.relu(mixed)
        x = x + self.spatial_out(self.spatial(mixed))
        expanded = self.channel_in(x)
        if self.gated:
            value, gate = expanded.chunk(2, dim=1)
            expanded = value * F.hardsigmoid(gate)
        else:
            expanded = F.relu(expanded)
        out: Tensor = x + self.channel_out(expanded)
        return out


class Down(nn.Module):
    """Fold ``factor`` x ``factor`` pixels into channels, then a 1x1 convolution."""

    def __init__(self, channels_in: int, channels_out: int, factor: int) -> None:
        super().__init__()
        self.factor = factor
        self.conv = nn.Conv2d(channels_in * factor**2, channels_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels_in, H, W) to (B, channels_out, H / factor, W / factor)."""
        out: Tensor = self.conv(F.pixel_unshuffle(x, self.factor))
        return out


class Up(nn.Module):
    """A 1x1 convolution, then unfold channels into ``factor`` x ``factor`` pixels."""

    def __init__(self, channels_in: int, channels_out: int, factor: int) -> None:
        super().__init__()
        self.factor = factor
        self.conv = nn.Conv2d(channels_in, channels_out * factor**2, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels_in, H, W) to (B, channels_out, H * factor, W * factor)."""
        return F.pixel_shuffle(self.conv(x), self.factor)


def at_quality(table: Tensor, quality: Tensor) -> Tensor:
    """A table (levels, C) at qualities (B,) in [0, 1], interpolated between levels: (B, C)."""
    last = table.shape[0] - 1
    position = quality.clamp(0, 1) * last
    low = position.floor().clamp(max=max(last - 1, 0))
    index = low.long()
    upper = (index + 1).clamp(max=last)
    return torch.lerp(table[index], table[upper], (position - low)[:, None])


class QualityGain(nn.Module):
    """A positive gain per channel, interpolated in the log domain between trained quality levels.

    One network serves all rates by such vectors at a few places (Cui et al. 2021, "Asymmetric
    gained deep image compression", arXiv 2003.02012).
    """

    def __init__(self, levels: int, channels: int) -> None:
        super().__init__()
        self.log_gain = nn.Parameter(torch.zeros(levels, channels))

    def log(self, quality: Tensor) -> Tensor:
        """Log gains (B, channels, 1, 1) for qualities (B,) in [0, 1]."""
        return at_quality(self.log_gain, quality)[:, :, None, None]

    def forward(self, quality: Tensor) -> Tensor:
        """Gains (B, channels, 1, 1) for qualities (B,) in [0, 1]."""
        return self.log(quality).exp()
