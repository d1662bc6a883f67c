"""The contexts of a slice's latents: four kinds of features of the latents decoded before.

========================  ==============================================  =====================
context                   sees                                            used by
========================  ==============================================  =====================
`ChannelContext`          earlier slices, a few positions around          both passes, slice > 0
`InterSliceContext`       earlier slices, all positions                   both passes, slice > 0
`LocalContext`            this slice's anchors, a 5x5 window              second pass
`GuidedContext`           this slice's anchors, all positions             second pass
========================  ==============================================  =====================

S is the number of a slice's channels. Every context has 2 S channels, the channel context 4 S.
Widths are MLIC++'s (arXiv 2307.15421) in units of S, which is 32 there. All costs are linear in
the number of positions.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lic.models.depthwise import DepthwiseConvolution
from lic.models.mlic.attention import ChannelReweighting, Rotary, linear_attention
from lic.models.mlic.checkerboard import ANCHORS, OTHERS, coordinates, gather, scatter
from lic.models.mlic.layers import (
    ChannelNorm,
    ResidualPerceptron,
    conv1x1,
    conv3x3,
)

_HEADS = 2
_WINDOW = 5


class ChannelContext(nn.Module):
    """Three 3x3 convolutions of all earlier slices (B, iS, h, w) to (B, 4S, h, w).

    As in MLIC++ and, before it, Minnen and Singh 2020 (arXiv 2007.08739).
    """

    def __init__(self, earlier: int, size: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            conv3x3(earlier, 6 * size),
            nn.GELU(),
            conv3x3(6 * size, 4 * size),
            nn.GELU(),
            conv3x3(4 * size, 4 * size),
        )

    def forward(self, earlier: Tensor) -> Tensor:
        """The context of both passes."""
        out: Tensor = self.body(earlier)
        return out


class LocalContext(nn.Module):
    """Checkerboard attention in overlapped windows: anchors (B, S, h, w) to (B, 2S, h, w/2).

    Around each position of the second pass lies a 5x5 window, 12 places of which are anchors. They
    attend to one another, with two heads, and one matrix collapses what they say to 2S channels; a
    perceptron follows. MLIC++ lets all 25 places attend, masks those that are no anchors, and
    collapses what all of them say; here they are left out, for a quarter of the work. Beyond the
    picture's sides, keys and values are zero. Rotary positions replace MLIC++'s relative position
    bias, as in MLICv2.
    """

    def __init__(self, size: int, rotary: bool) -> None:
        super().__init__()
        self.norm = ChannelNorm(size)
        self.qkv = conv1x1(size, 3 * size)
        self.rotary = Rotary(size // _HEADS) if rotary else None
        self.collapse = conv1x1(_WINDOW**2 // 2 * size, 2 * size)
        self.perceptron = ResidualPerceptron(2 * size)

    def forward(self, anchors: Tensor) -> Tensor:
        """The context of the second pass; ``anchors`` is zero elsewhere."""
        batch, _, height, width = anchors.shape
        qkv = self.qkv(self.norm(anchors))
        if self.rotary is not None:
            qkv = self._turned(qkv, self.rotary)
        windows = torch.unflatten(self._windows(qkv), 1, (3, _HEADS, -1))
        # (B, 3, heads, d, 12, P) to three of (B, heads, P, 12, d)
        query, key, value = windows.permute(1, 0, 2, 5, 4, 3)
        weights = (query @ key.transpose(3, 4) * query.shape[4] ** -0.5).softmax(dim=4)
        out = (weights @ value).permute(0, 1, 4, 3, 2)
        out = out.reshape(batch, -1, height, width // 2)
        collapsed: Tensor = self.perceptron(self.collapse(out))
        return collapsed

    @staticmethod
    def _turned(qkv: Tensor, rotary: Rotary) -> Tensor:
        """Queries and keys turned by their positions, values as they are."""
        batch, channels, height, width = qkv.shape
        place = coordinates(height, width, qkv).flatten(1)
        query_key, value = qkv.tensor_split([2 * channels // 3], dim=1)
        heads = query_key.reshape(batch, 2 * _HEADS, -1, height * width)
        return torch.cat((rotary(heads, place).reshape(query_key.shape), value), dim=1)

    @staticmethod
    def _windows(plane: Tensor) -> Tensor:
        """The anchors around each position of the second pass: (B, C, 12, P), P = h w / 2.

        Those positions are the even columns of even rows and the odd ones of odd rows: two
        unfoldings of stride 2 give their windows and no others. P runs row by row.
        """
        batch, channels, height, width = plane.shape
        padded = F.pad(plane, (2, 2, 2, 2))
        even = F.unfold(padded, _WINDOW, stride=2)
        odd = F.unfold(padded[:, :, 1:, 1:], _WINDOW, stride=2)
        windows = torch.stack((even, odd), dim=2)
        windows = windows.view(batch, channels, _WINDOW**2, 2, height // 2, width // 2)
        # The centre is the 12th of the window's 25 places: those of odd number are anchors.
        return windows[:, :, 1::2].transpose(3, 4).flatten(3)


class InterSliceContext(nn.Module):
    """Global correlations between slices: earlier ones (B, iS, h, w) to (B, 2S, h, w).

    Linear attention over all positions, a head for each earlier slice, then a 5x5 convolution and a
    perceptron beside a 1x1 convolution, as in MLIC++; then MLICv2's channel reweighting.
    """

    def __init__(self, earlier: int, size: int, rotary: bool, reweighting: bool) -> None:
        super().__init__()
        self.heads = earlier // size
        self.qkv = nn.Sequential(conv1x1(earlier, 3 * earlier), DepthwiseConvolution(3 * earlier))
        self.rotary = Rotary(size) if rotary else None
        self.around = nn.Conv2d(earlier, 3 * size, _WINDOW, padding=_WINDOW // 2)
        self.skip = conv1x1(3 * size, 2 * size)
        self.perceptron = nn.Sequential(
            conv1x1(3 * size, 4 * size),
            nn.GELU(),
            DepthwiseConvolution(4 * size),
            nn.GELU(),
            conv1x1(4 * size, 2 * size),
        )
        self.reweighting = ChannelReweighting(2 * size) if reweighting else nn.Identity()

    def forward(self, earlier: Tensor) -> Tensor:
        """The context of both passes."""
        height, width = earlier.shape[2:]
        heads = self.qkv(earlier).flatten(2).unflatten(1, (3, self.heads, -1))
        query, key, value = heads.transpose(0, 1)
        place = coordinates(height, width, earlier).flatten(1)
        out = linear_attention(query, key, value, self.rotary, place, place)
        around = self.around(out.reshape(earlier.shape))
        context: Tensor = self.reweighting(self.skip(around) + self.perceptron(around))
        return context


class GuidedContext(nn.Module):
    """Global correlations within a slice, guided by what is known of all its positions.

    A guide (B, G, h, w) tells which anchors each position of the second pass resembles: its values
    there are the queries, those at anchors the keys, and the slice's decoded anchors (B, S, h, w)
    the values. Then a 5x5 convolution, a perceptron and MLICv2's channel reweighting give
    (B, 2S, h, w/2).

    The guide is the slice before, as in MLIC++'s intra-slice context (two heads of linear
    attention). For the first slice it is the hyperprior's features: MLICv2's hyperprior-guided
    global correlation prediction (arXiv 2504.19119), which is known in outline only; giving it the
    intra-slice context's form is the reading chosen here.
    """

    def __init__(self, guide: int, size: int, rotary: bool, reweighting: bool) -> None:
        super().__init__()
        self.query_key = nn.Sequential(conv1x1(guide, 2 * size), DepthwiseConvolution(2 * size))
        self.value = nn.Sequential(conv1x1(size, size), DepthwiseConvolution(size))
        self.rotary = Rotary(size // _HEADS) if rotary else None
        self.around = nn.Conv2d(size, 2 * size, _WINDOW, padding=_WINDOW // 2)
        self.perceptron = ResidualPerceptron(2 * size)
        self.reweighting = ChannelReweighting(2 * size) if reweighting else nn.Identity()

    def forward(self, guide: Tensor, anchors: Tensor) -> Tensor:
        """The context of the second pass; ``anchors`` is zero elsewhere."""
        height, width = anchors.shape[2:]
        query, key = self.query_key(guide).chunk(2, dim=1)
        place = coordinates(height, width, anchors)
        out = linear_attention(
            self._heads(gather(query, OTHERS)),
            self._heads(gather(key, ANCHORS)),
            self._heads(gather(self.value(anchors), ANCHORS)),
            self.rotary,
            gather(place, OTHERS).flatten(1),
            gather(place, ANCHORS).flatten(1),
        )
        found = scatter(out.reshape(len(out), -1, height, width // 2), OTHERS)
        context: Tensor = self.reweighting(self.perceptron(gather(self.around(found), OTHERS)))
        return context

    @staticmethod
    def _heads(packed: Tensor) -> Tensor:
        """(B, C, h, w/2) to (B, heads, C / heads, P)."""
        return torch.unflatten(packed.flatten(2), 1, (_HEADS, -1))
