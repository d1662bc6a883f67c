"""The factorized density of the side information z: one learned distribution a channel.

Balle et al. 2018 (arXiv 1802.01436), appendix 6.1: a monotone scalar network gives each channel's
cumulative distribution. Here every quality level has a density of its own, since z carries less
information at low rates; `freeze` makes the integer tables that `lic.entropy_coding` codes with.
"""

from __future__ import annotations

import math
from copy import deepcopy
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lic.entropy_coding import FactorizedTables
from lic.models.layers import lower_bound

# Symbols beyond +-REACH are escapes.
REACH = 32
_WIDTHS = (1, 3, 3, 3, 1)
_INIT_SCALE = 10.0


class FactorizedDensity(nn.Module):
    """Densities of ``channels`` integers at each of ``levels`` quality levels."""

    def __init__(self, levels: int, channels: int) -> None:
        super().__init__()
        self.levels = levels
        self.channels = channels
        # Not part of the trained state: `freeze` makes it, weights files carry it.
        self.counts: Tensor
        counts = torch.zeros(levels, channels, 2 * REACH + 2, dtype=torch.int32)
        self.register_buffer("counts", counts, persistent=False)
        scale = _INIT_SCALE ** (1 / (len(_WIDTHS) - 1))
        for i, (n_in, n_out) in enumerate(pairwise(_WIDTHS)):
            start = math.log(math.expm1(1 / scale / n_out))
            shape = (levels, channels, n_out)
            self.register_parameter(f"matrix{i}", nn.Parameter(torch.full((*shape, n_in), start)))
            self.register_parameter(f"bias{i}", nn.Parameter(torch.rand(*shape, 1) - 0.5))
            if i < len(_WIDTHS) - 2:
                self.register_parameter(f"factor{i}", nn.Parameter(torch.zeros(*shape, 1)))

    def _logits(self, values: Tensor, level: Tensor) -> Tensor:
        """Logits of the cumulative distribution: (B, C, n) at levels (B,) to (B, C, n)."""
        h = values.unsqueeze(2)
        for i in range(len(_WIDTHS) - 1):
            matrix = F.softplus(getattr(self, f"matrix{i}")[level])
            h = matrix @ h + getattr(self, f"bias{i}")[level]
            if i < len(_WIDTHS) - 2:
                h = h + torch.tanh(getattr(self, f"factor{i}")[level]) * torch.tanh(h)
        return h.squeeze(2)

    def nearest_level(self, quality: Tensor) -> Tensor:
        """The indices (B,) of the levels nearest to qualities (B,) in [0, 1]."""
        return (quality.clamp(0, 1) * (self.levels - 1)).round().long()

    def likelihood(self, z: Tensor, quality: Tensor) -> Tensor:
        """P of the unit interval around z (B, C, h, w) at qualities (B,), at least 1e-9."""
        level = self.nearest_level(quality)
        flat = z.flatten(2)
        lower = self._logits(flat - 0.5, level)
        upper = self._logits(flat + 0.5, level)
        # The side on which both sigmoids are small keeps the difference precise.
        sign = torch.where(lower + upper > 0, -1.0, 1.0)
        mass = (torch.sigmoid(sign * upper) - torch.sigmoid(sign * lower)).abs()
        return lower_bound(mass, 1e-9).view_as(z)

    @torch.no_grad()
    def freeze(self) -> None:
        """Compute ``counts``, the integer tables of all levels, from the learned densities."""
        copy = deepcopy(self).double()
        edges = torch.arange(-REACH, REACH, dtype=torch.float64) + 0.5
        values = edges.expand(1, self.channels, -1)
        ends = edges.new_zeros(self.channels, 1)
        tables = []
        for level in range(self.levels):
            cumulative = torch.sigmoid(copy._logits(values, torch.tensor([level])))[0]
            masses = torch.diff(torch.cat((ends, cumulative, ends + 1), dim=1), dim=1)
            lows = np.full(self.channels, -REACH)
            tables.append(FactorizedTables.from_probabilities(list(masses.numpy()), lows).counts)
        self.counts = torch.from_numpy(np.stack(tables).astype(np.int32))

    def tables(self, level: int) -> FactorizedTables:
        """The coder's tables of the level of an index, from the frozen ``counts``."""
        counts = self.counts[level].numpy().astype(np.uint32)
        lows = np.full(self.channels, -REACH, dtype=np.int32)
        lengths = np.full(self.channels, 2 * REACH + 1, dtype=np.int32)
        return FactorizedTables(counts, lows, lengths)
