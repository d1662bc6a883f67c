"""MLICv2's entropy path: slices of the latents' channels, two checkerboard passes each.

    for each slice: hyperprior, channel and inter-slice context of the slices before
        anchors:    -> head -> mixture -> latents -> latent residual prediction
        the others: + local and guided context of the anchors -> the same

A step is one pass of one slice: ten slices make 20 steps, each of which sees all before it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from lic.models.entropy_path import EntropyPath
from lic.models.layers import QualityGain
from lic.models.mixture import Mixture, outputs_per_latent
from lic.models.mlic.checkerboard import ANCHORS, OTHERS, gather, scatter
from lic.models.mlic.config import MlicConfig
from lic.models.mlic.contexts import (
    ChannelContext,
    GuidedContext,
    InterSliceContext,
    LocalContext,
)
from lic.models.mlic.heads import (
    ParameterHead,
    ResidualPrediction,
    SelectionPredictor,
)
from lic.models.mlic.transforms import HyperSynthesis


@dataclass
class SliceFeatures:
    """What the steps see beside decoded latents."""

    plane: Tensor
    """The hyperprior's features (B, 2M, h, w)."""
    parts: tuple[Tensor, Tensor]
    """The same, gathered for each pass."""
    shared: list[Tensor] = field(default_factory=list)
    """Contexts (B, C, h, w) of the slices before, computed once for both passes of a slice."""


class SlicePath(EntropyPath):
    """Hyper synthesis, contexts and heads of all slices; see this module's docstring.

    Each kind of module is one list over the slices (or steps) that have it, and is empty where the
    configuration leaves it out.
    """

    def __init__(self, config: MlicConfig) -> None:
        super().__init__()
        slices, size, hyperprior = config.slices, config.slice_size, 2 * config.latents
        extras = (config.rotary, config.reweighting)
        self.size = size
        self.step_count = 2 * slices
        self.latent_gain = QualityGain(config.levels, config.latents)
        self.hyper_synthesis = HyperSynthesis(config.hyper, config.latents, config.levels)
        later = range(1, slices)
        self.channel = nn.ModuleList(
            ChannelContext(i * size, size) for i in later if config.channel_context
        )
        self.inter_slice = nn.ModuleList(
            InterSliceContext(i * size, size, *extras) for i in later if config.inter_slice
        )
        self.local = nn.ModuleList(
            LocalContext(size, config.rotary) for _ in range(slices) if config.local_context
        )
        self.intra_slice = nn.ModuleList(
            GuidedContext(size, size, *extras) for _ in later if config.intra_slice
        )
        self.hyperprior_guided = nn.ModuleList(
            GuidedContext(hyperprior, size, *extras) for _ in range(config.hyperprior_guided)
        )
        outputs = outputs_per_latent(config.components)
        self.heads = nn.ModuleList(
            ParameterHead(
                hyperprior + self._context_channels(step), size, outputs, config.head_width
            )
            for step in range(self.step_count)
        )
        self.residual_prediction = nn.ModuleList(
            ResidualPrediction(config.latents + (step // 2 + 1) * size, size, config.head_width)
            for step in range(self.step_count)
            if config.residual_prediction
        )
        self.selection = nn.ModuleList(
            SelectionPredictor(hyperprior + i * size, size)
            for i in range(slices)
            if config.selective
        )

    def _guided(self, index: int) -> nn.Module | None:
        """The guided context of a slice."""
        if index == 0:
            return self.hyperprior_guided[0] if self.hyperprior_guided else None
        return self.intra_slice[index - 1] if self.intra_slice else None

    def _context_channels(self, step: int) -> int:
        """Channels of a step's contexts, the hyperprior's left out."""
        index, part = divmod(step, 2)
        shared = 4 * bool(self.channel) + 2 * bool(self.inter_slice) if index else 0
        own = 2 * bool(self.local) + 2 * (self._guided(index) is not None) if part else 0
        return self.size * (shared + own)

    def _slices(self, decoded: Tensor, index: int) -> tuple[Tensor, Tensor]:
        """The slices before one, and the slice itself."""
        end = index * self.size
        return decoded[:, :end], decoded[:, end : end + self.size]

    def features(self, z: Tensor, quality: Tensor) -> SliceFeatures:
        """The hyperprior's features of decoded z (B, Z, h, w)."""
        plane = self.hyper_synthesis(z, quality)
        return SliceFeatures(plane, (gather(plane, ANCHORS), gather(plane, OTHERS)))

    def gather(self, y: Tensor, step: int) -> Tensor:
        """The latents of one step: (B, M, h, w) to (B, S, h, w/2)."""
        index, part = divmod(step, 2)
        return gather(self._slices(y, index)[1], part)

    def scatter(self, values: Tensor, step: int) -> Tensor:
        """The inverse of `gather`: zero elsewhere."""
        index, part = divmod(step, 2)
        plane = scatter(values, part)
        before = index * self.size
        after = self.latent_gain.log_gain.shape[1] - before - self.size
        return nn.functional.pad(plane, (0, 0, 0, 0, before, after))

    def mixture(
        self, step: int, features: SliceFeatures, decoded: Tensor, log_gain: Tensor
    ) -> Mixture:
        """The mixture of a step's latents; ``decoded`` in the latents' own units."""
        index, part = divmod(step, 2)
        earlier, current = self._slices(decoded, index)
        if part == ANCHORS:
            features.shared = self._shared(index, earlier)
        contexts = [features.parts[part], *(gather(plane, part) for plane in features.shared)]
        if part == OTHERS:
            contexts += self._own(index, features, earlier, current)
        raw = self.heads[step](torch.cat(contexts, dim=1))
        mixture = Mixture.from_raw(raw, self._slices(log_gain, index)[1])
        if not self.selection or self.training:
            return mixture
        known = torch.cat((features.parts[part], gather(earlier, part)), dim=1)
        return replace(mixture, selection=self.selection[index](mixture, known))

    def _shared(self, index: int, earlier: Tensor) -> list[Tensor]:
        """The contexts of both passes of a slice."""
        if index == 0:
            return []
        lists = (self.channel, self.inter_slice)
        return [contexts[index - 1](earlier) for contexts in lists if contexts]

    def _own(
        self, index: int, features: SliceFeatures, earlier: Tensor, anchors: Tensor
    ) -> list[Tensor]:
        """The contexts of a slice's second pass, from its anchors."""
        contexts = [self.local[index](anchors)] if self.local else []
        guided = self._guided(index)
        if guided is not None:
            guide = earlier[:, -self.size :] if index else features.plane
            contexts.append(guided(guide, anchors))
        return contexts

    def refinement(self, step: int, features: SliceFeatures, decoded: Tensor) -> Tensor | None:
        """The predicted residual of the step's latents (B, S, h, w/2), in quantization steps."""
        if not self.residual_prediction:
            return None
        index, part = divmod(step, 2)
        means = features.plane.chunk(2, dim=1)[1]
        known = torch.cat((means, *self._slices(decoded, index)), dim=1)
        return gather(self.residual_prediction[step](known), part)
