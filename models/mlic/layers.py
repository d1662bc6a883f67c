"""The layers of MLICv2's networks: normalisations, gates and token-mixing blocks.

Use `lic.models.layers` where speed on a CPU counts: here are the wide 3x3 convolutions,
divisive normalisation and layer norm of the paper. Nothing normalises by statistics over a
picture's positions, so that tiles of a picture agree with the whole.

Every residual branch ends in a layer that starts at zero: a new network is its skip connections,
which `lic.models.mlic.linear_start` makes a KLT codec.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lic.models.depthwise import DepthwiseConvolution
from lic.models.layers import lower_bound

_PEDESTAL = 2.0**-36
_BETA_MIN = 1e-6
# Of what follows a layer norm: the norm takes signals of some 0.05 to 1, and without it a step of
# the optimizer would change the picture by more than its error at a high rate.
_BRANCH_SCALE = 0.1


def zeroed(layer: nn.Conv2d) -> nn.Conv2d:
    """The layer, starting at zero: the last one of a residual branch."""
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def conv1x1(channels_in: int, channels_out: int) -> nn.Conv2d:
    """A convolution of each position alone."""
    return nn.Conv2d(channels_in, channels_out, 1)


def conv3x3(channels_in: int, channels_out: int, stride: int = 1) -> nn.Conv2d:
    """A 3x3 convolution; with stride 1 it keeps the size, with stride 2 it halves it."""
    return nn.Conv2d(channels_in, channels_out, 3, stride, padding=1)


class ChannelNorm(nn.LayerNorm):
    """Layer norm (arXiv 1607.06450) over each position's channels: (B, C, H, W) to the same."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise x."""
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class DivisiveNorm(nn.Module):
    """Generalized divisive normalization, GDN (Balle et al. 2016, arXiv 1511.06281), and its dual.

    x_i / sqrt(beta_i + sum_j gamma_ij x_j^2), or with ``inverse`` the product in place of the
    quotient. Both are learned as square roots, bounded below, as the paper does.
    """

    def __init__(self, channels: int, inverse: bool = False) -> None:
        super().__init__()
        self.inverse = inverse
        self.beta = nn.Parameter((torch.ones(channels) + _PEDESTAL).sqrt())
        self.gamma = nn.Parameter((0.1 * torch.eye(channels) + _PEDESTAL).sqrt())

    def forward(self, x: Tensor) -> Tensor:
        """Normalise x (B, C, H, W)."""
        beta = lower_bound(self.beta, (_BETA_MIN + _PEDESTAL) ** 0.5).square() - _PEDESTAL
        gamma = lower_bound(self.gamma, _PEDESTAL**0.5).square() - _PEDESTAL
        power = F.conv2d(x.square(), gamma[:, :, None, None], beta)
        return x * (power.sqrt() if self.inverse else power.rsqrt())


class SubPixel(nn.Module):
    """A 3x3 convolution whose channels unfold into 2x2 pixels (Shi et al., arXiv 1609.05158)."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.conv = conv3x3(channels_in, 4 * channels_out)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels_in, H, W) to (B, channels_out, 2H, 2W)."""
        return F.pixel_shuffle(self.conv(x), 2)


class Gate(nn.Module):
    """Expand to two halves of ``expansion * channels``, multiply them, project (as LLIC's gate).

    MLICv2 names the gate and not its inside; LLIC (arXiv 2304.09571) is the same group's. One half
    goes through GELU, which keeps the product's sign free and its start small.
    """

    def __init__(self, channels: int, expansion: float = 1.0) -> None:
        super().__init__()
        inner = int(channels * expansion)
        self.expand = conv1x1(channels, 2 * inner)
        self.project = zeroed(conv1x1(inner, channels))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, H, W) to the same."""
        value, gate = self.expand(x).chunk(2, dim=1)
        out: Tensor = self.project(value * F.gelu(gate))
        return out


class DepthResidual(nn.Module):
    """MLICv2's DepthRB (arXiv 2504.19119): identity plus 1x1, GELU, depthwise 3x3, 1x1."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            conv1x1(channels, channels),
            nn.GELU(),
            DepthwiseConvolution(channels),
            conv1x1(channels, channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, H, W) to the same."""
        out: Tensor = x + self.body(x)
        return out


class SimpleTokenMixing(nn.Module):
    """MLICv2's simple token mixing block, STM (arXiv 2504.19119, section on the transforms).

    x + Conv1x1(DWConv5x5(DepthRB(LN x))), then x + Gate(LN x).
    """

    reach = 3
    """How far a position is seen: 1 for the depthwise 3x3, 2 for the 5x5."""

    def __init__(self, channels: int, expansion: float) -> None:
        super().__init__()
        self.mix = nn.Sequential(
            ChannelNorm(channels),
            DepthResidual(channels),
            DepthwiseConvolution(channels, 5),
            zeroed(conv1x1(channels, channels)),
        )
        self.norm = ChannelNorm(channels)
        self.gate = Gate(channels, expansion)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, H, W) to the same."""
        x = x + _BRANCH_SCALE * self.mix(x)
        out: Tensor = x + _BRANCH_SCALE * self.gate(self.norm(x))
        return out


class ResidualBlock(nn.Module):
    """MLIC++'s residual block, which a pair of STMs replaces: identity plus two (3x3, GELU)."""

    reach = 2

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            conv3x3(channels, channels),
            nn.GELU(),
            zeroed(conv3x3(channels, channels)),
            nn.GELU(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, H, W) to the same."""
        out: Tensor = x + self.body(x)
        return out


class ResidualPerceptron(nn.Module):
    """MLIC++'s residual perceptron: identity plus two layers, the inner one twice as wide."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            conv1x1(channels, 2 * channels), nn.GELU(), zeroed(conv1x1(2 * channels, channels))
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, H, W) to the same."""
        out: Tensor = x + self.body(x)
        return out
