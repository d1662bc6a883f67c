"""Gaussian mixtures of the latents: raw network outputs to parameters, likelihoods and integers.

A latent is quantized on the grid of its predicted centre c: the symbol is round(y - c), decoded as
c + symbol. The mixture describes the symbol: its first component sits at 0, the others at offsets.
Everything is in units of the quantization step. Training uses `likelihood`; coding uses
`to_integers`, which lands on the grid that `lic.entropy_coding` defines.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from lic.entropy_coding import LOGIT_UNIT, MEAN_UNIT, SCALES, MixtureParameters
from lic.models.layers import lower_bound

LOG_SCALE_MIN = float(np.log(SCALES[0]))
_LOG_SCALE_MAX = float(np.log(SCALES[-1]))
LOG_SCALE_STEP = (_LOG_SCALE_MAX - LOG_SCALE_MIN) / (len(SCALES) - 1)
_INV_SQRT2 = 0.5**0.5
_CENTRE_LIMIT = 2**30
# A latent is not coded if its symbol differs from zero with a probability of less than this. In
# guided selective compression (MLICv2, arXiv 2504.19119) it is 0.3; but at steps that balance rate
# and distortion, an error of a step costs as much as 9 bits, and a symbol so unlikely much less
# (`lic.models.mlic`'s README has the comparison).
_SELECTION_LOGIT = math.log(0.01 / 0.99)


def outputs_per_latent(components: int) -> int:
    """How many raw outputs a latent needs: centre and scale, then offset, scale, logit each."""
    return 2 + 3 * (components - 1)


@dataclass(frozen=True)
class Mixture:
    """Parameters of a step's latents, in quantization steps; K components.

    ``centre`` (B, M, h, w); ``offsets``, ``log_scales``, ``logits`` (B, K, M, h, w), the first
    component's offset and logit being zero. ``selection`` (B, M, h, w), in a model that selects
    what to code, are logits that a latent should be coded. A latent below the threshold is not
    coded: it costs no bits and decodes to its centre.
    """

    centre: Tensor
    offsets: Tensor
    log_scales: Tensor
    logits: Tensor
    selection: Tensor | None = None

    @classmethod
    def from_raw(cls, raw: Tensor, log_gain: Tensor) -> Mixture:
        """Split raw outputs (B, outputs, M, h, w); ``log_gain`` (B, M, 1, 1) maps to steps.

        The network's outputs are in the latents' own units, in which they hardly depend on the
        quality. The gain converts them to quantization steps.
        """
        if raw.dtype.itemsize < 4:  # autocast's half precision is too coarse from here on
            raw = raw.float()
        components = (raw.shape[1] - 2) // 3 + 1
        gain = log_gain.exp()
        centre = raw[:, 0] * gain
        first = torch.zeros_like(raw[:, :1])
        scales, offsets, logits = raw[:, 1 : 1 + components], first, first
        if components > 1:
            tail = raw[:, 1 + components :]
            offsets = torch.cat((first, tail[:, : components - 1]), dim=1)
            logits = torch.cat((first, tail[:, components - 1 :]), dim=1)
        log_scales = lower_bound(scales + log_gain.unsqueeze(1), LOG_SCALE_MIN)
        return cls(
            centre,
            offsets * gain.unsqueeze(1),
            log_scales.clamp(max=_LOG_SCALE_MAX),
            logits,
        )

    def likelihood(self, residual: Tensor) -> Tensor:
        """P of the unit interval around y - centre (B, M, h, w), at least 1e-9."""
        distance = (residual.unsqueeze(1) - self.offsets).abs()
        inverse = torch.exp(-self.log_scales) * _INV_SQRT2
        # By symmetry both terms are taken on the upper tail, where erfc is precise.
        mass = 0.5 * (
            torch.erfc((distance - 0.5) * inverse) - torch.erfc((distance + 0.5) * inverse)
        )
        if mass.shape[1] > 1:
            mass = (mass * F.softmax(self.logits, dim=1)).sum(1)
        else:
            mass = mass.squeeze(1)
        mass = lower_bound(mass, 1e-9)
        coded = self.coded
        return mass if coded is None else mass.masked_fill(~coded, 1.0)

    @property
    def coded(self) -> Tensor | None:
        """Which latents are coded, a mask (B, M, h, w); None stands for all of them."""
        return None if self.selection is None else self.selection > _SELECTION_LOGIT

    def select(self, symbols: Tensor) -> Tensor:
        """Symbols (B, M, h, w), zero where the latent is not coded."""
        coded = self.coded
        return symbols if coded is None else symbols * coded

    def scale_indices(self) -> NDArray[np.uint8]:
        """The coder's scale indices of all components, (B, K, M h w)."""
        steps = (_flat(self.log_scales) - LOG_SCALE_MIN) / LOG_SCALE_STEP
        indices: NDArray[np.uint8] = np.rint(steps).astype(np.uint8)
        return indices

    def to_integers(self) -> tuple[NDArray[np.int32], tuple[MixtureParameters, ...]]:
        """The coder's parameters of the latents of B pictures, each in order (M, h, w).

        Returns
        -------
        The centres (B, M h w) in units of MEAN_UNIT quantization steps, and each picture's mixtures
        of the symbols. Decoders depend on these integers: compute the mixture in float64 on the
        CPU.
        """
        centres = np.clip(np.rint(_flat(self.centre) / MEAN_UNIT), -_CENTRE_LIMIT, _CENTRE_LIMIT)
        logits = _flat(self.logits)
        logits = 127 + np.rint((logits - logits.max(axis=1, keepdims=True)) / LOGIT_UNIT)
        means = np.clip(np.rint(_flat(self.offsets) / MEAN_UNIT), -32768, 32767)
        arrays = (
            np.clip(logits, -128, 127).astype(np.int8),
            means.astype(np.int16),
            self.scale_indices(),
        )
        mixtures = tuple(MixtureParameters(*parts) for parts in zip(*arrays, strict=True))
        return centres.astype(np.int32), mixtures


def _flat(values: Tensor) -> NDArray[np.float64]:
    """Values (B, ..., M, h, w) as (B, ..., M h w)."""
    flat: NDArray[np.float64] = values.detach().double().flatten(-3).numpy()
    return flat
