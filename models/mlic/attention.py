"""Attention whose cost is linear in the number of positions, and rotary positions for it.

`linear_attention` serves the global contexts, `ChannelReweighting` what they say; the attention
within small windows is in `lic.models.mlic.contexts`. Positions are flattened: heads of d channels
at P positions are (B, heads, d, P).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from lic.models.mlic.layers import ChannelNorm, Gate, conv1x1, zeroed

_BASE = 10000.0


class Rotary(nn.Module):
    """2D rotary positions with learned bases (MLICv2, arXiv 2504.19119; RoFormer, 2104.09864).

    Pair k of a head's d/2 channel pairs is turned by x theta_x^(-2k/d) + y theta_y^(-2k/d):
    products of a turned query and a turned key depend on their distance alone. The bases start at
    10000 and are learned by their logarithms.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        if channels % 2:
            raise ValueError(f"rotary positions need an even number of channels, not {channels}")
        self.pairs = channels // 2
        self.log_base = nn.Parameter(torch.full((2,), math.log(_BASE)))

    def forward(self, x: Tensor, place: Tensor) -> Tensor:
        """Turn x (B, heads, d, P) at rows and columns ``place`` (2, P)."""
        order = torch.arange(self.pairs, dtype=place.dtype, device=place.device) / self.pairs
        frequency = torch.exp(-self.log_base[:, None] * order)
        angle = (frequency[:, :, None] * place[:, None]).sum(0)
        cosine, sine = angle.cos(), angle.sin()
        first, second = x.chunk(2, dim=2)
        turned = (first * cosine - second * sine, first * sine + second * cosine)
        return torch.cat(turned, dim=2)


def linear_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    rotary: Rotary | None,
    query_place: Tensor,
    key_place: Tensor,
) -> Tensor:
    """Attention of P queries to all R keys without a P x R matrix: (B, heads, e, P).

    Efficient attention (Shen et al., arXiv 1812.01243) as in MLIC++: softmax of the keys over
    positions and of the queries over channels, so that keys and values meet first, in a d x e
    matrix. query (B, heads, d, P), key (B, heads, d, R), value (B, heads, e, R). Rotary positions
    turn what the softmaxes give, as RoFormer does for linear attention: there they are relative.
    """
    query, key = query.softmax(dim=2), key.softmax(dim=3)
    if rotary is not None:
        query, key = rotary(query, query_place), rotary(key, key_place)
    summary = value @ key.transpose(2, 3)
    return summary @ query


class ChannelReweighting(nn.Module):
    """MLICv2's channel reweighting: channels attend to channels, C x C (arXiv 2504.19119).

    x + Conv1x1(softmax(Q K^T / sqrt(HW)) V) of the normalised x, then x + Gate(LN x). Its cost is
    linear in positions, since these are what the products Q K^T sum over.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = ChannelNorm(channels)
        self.qkv = conv1x1(channels, 3 * channels)
        self.project = zeroed(conv1x1(channels, channels))
        self.gate_norm = ChannelNorm(channels)
        self.gate = Gate(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to the same."""
        query, key, value = self.qkv(self.norm(x)).flatten(2).chunk(3, dim=1)
        weights = (query @ key.transpose(1, 2) * query.shape[2] ** -0.5).softmax(dim=2)
        x = x + self.project((weights @ value).view_as(x))
        out: Tensor = x + self.gate(self.gate_norm(x))
        return out
