"""The entropy path of the default family, rounded."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from lic.entropy_coding.tables import LOGIT_UNIT, MEAN_UNIT, SCALE_LOWEST, SCALE_RATIO
from lic.integer_networks.codec_network import SIDE_LIMIT, SIDE_SCALE
from lic.models.deployable.context import gather_step, scatter_step
from lic.models.deployable.model import FourStepPath
from lic.models.entropy_path import EntropyPath
from lic.models.mixture import Mixture
from lic.quantization import deployable
from lic.quantization.bits import BitPlan
from lic.quantization.calibration import Ranges, channels_last
from lic.quantization.integers import Target
from lic.quantization.quantized_part import Ends, QuantizedPart, integers_of, real_of
from lic.quantization.rounding import round_half_up

# A scale index has 8 fractional bits until the quality's gain is added to it.
_INDEX_UNIT = SCALE_RATIO / 256
_SCALES = 255


class Features(NamedTuple):
    """What all steps see of the side information."""

    whole: Tensor
    """In whole numbers, (B, h, w, F)."""
    quality: Tensor
    """(B,)."""


class QuantizedPath(EntropyPath):
    """The entropy path of the default family, rounded."""

    def __init__(
        self,
        path: FourStepPath,
        plans: Sequence[BitPlan],
        ranges: Ranges,
        latents: Tensor,
        components: int,
    ) -> None:
        super().__init__()
        self.step_count = path.step_count
        self.latent_gain = path.latent_gain
        self.components = components
        self.latents: Tensor
        self.register_buffer("latents", latents)
        self.synthesis = QuantizedPart(
            path.synthesis, deployable.hyper_synthesis_graph, plans, ranges
        )
        self.steps = nn.ModuleList(
            QuantizedPart(step, deployable.step_graph, plans, ranges) for step in path.steps
        )
        self.corrector: QuantizedPart | None = None
        if path.corrector is not None:
            self.corrector = QuantizedPart(
                path.corrector, deployable.corrector_graph, plans, ranges
            )

    def gather(self, y: Tensor, step: int) -> Tensor:
        """The latents of one step: (B, M, h, w) to (B, M, h/2, w/2)."""
        return gather_step(y, step)

    def scatter(self, values: Tensor, step: int) -> Tensor:
        """The inverse of `gather`, zero elsewhere."""
        return scatter_step(values, step)

    def step_parts(self) -> list[QuantizedPart]:
        """The context steps."""
        return [part for part in self.steps if isinstance(part, QuantizedPart)]

    @property
    def features_unit(self) -> Tensor:
        """Of the features, (F,)."""
        return self.synthesis.quantizer.wide_unit(self.synthesis.output())

    def synthesis_ends(self) -> Ends:
        """Side information to features."""
        width = self.synthesis.module.body[0].conv.in_channels  # type: ignore[index, union-attr]
        side = self.latents.new_full((int(width),), 1 / SIDE_SCALE)
        return Ends({"side": side}, limits={"side": SIDE_LIMIT * SIDE_SCALE})

    def step_ends(self, step: int) -> Ends:
        """Features and latents to the heads' outputs in the coder's units."""
        given = {"features": self.features_unit, "decoded": self.latents}
        gain = self.latent_gain.log_gain
        groups = gain.chunk(len(self.steps), dim=1)
        targets = {
            f"entropy.steps.{step}.heads.{group}": _head_target(part, self.components)
            for group, part in enumerate(groups)
        }
        return Ends(given, targets)

    def corrector_ends(self) -> Ends:
        """Features to latents."""
        return Ends({"features": self.features_unit, "entropy.corrector": self.latents})

    def features(self, z: Tensor, quality: Tensor) -> Features:
        """Features of decoded side information."""
        shown = channels_last(z).clamp(-SIDE_LIMIT, SIDE_LIMIT) * SIDE_SCALE
        features, _ = self.synthesis.run(self.synthesis_ends(), [shown], quality)
        return Features(features, quality)

    def mixture(self, step: int, features: Features, decoded: Tensor, log_gain: Tensor) -> Mixture:
        """As the coder sees it: means in 1/64 step, indices of scales."""
        part = self.step_parts()[step]
        inputs = [features.whole]
        if part.module.visible:
            inputs.append(integers_of(decoded, self.latents))
        raw, _ = part.run(self.step_ends(step), inputs, features.quality)
        count = self.components
        # The heads' parts come one group of latents after the other.
        parts = torch.stack(
            [
                r.reshape(*r.shape[:3], 2 + 3 * (count - 1), -1)
                for r in raw.chunk(len(self.steps), dim=3)
            ],
            4,
        )
        parts = parts.flatten(4).permute(0, 3, 4, 1, 2)  # (B, outputs, M, h, w)
        first = torch.zeros_like(parts[:, :1])
        indices = round_half_up(parts[:, 1 : 1 + count] / 256).clamp(0, _SCALES)
        offsets = torch.cat((first, parts[:, 1 + count : 2 * count]), 1) * MEAN_UNIT
        logits = torch.cat((first, parts[:, 2 * count :]), 1) * LOGIT_UNIT
        scales = math.log(SCALE_LOWEST) + SCALE_RATIO * indices
        return Mixture(parts[:, 0] * MEAN_UNIT, offsets, scales, logits)

    def correction(self, features: Features) -> Tensor | None:
        """What the features tell of the latents' rounding errors."""
        if self.corrector is None:
            return None
        seen = self.corrector.run(self.corrector_ends(), [features.whole], features.quality)
        return real_of(*seen)


def _head_target(gain: Tensor, components: int) -> Target:
    """What a head's parts are in: `lic.integer_networks.layers.Mixture`'s units."""
    count = gain.shape[1]
    flat = torch.zeros_like(gain)
    more = components - 1
    scale = (gain - math.log(SCALE_LOWEST)) / _INDEX_UNIT
    units = [MEAN_UNIT] + [_INDEX_UNIT] * components + [MEAN_UNIT] * more + [LOGIT_UNIT] * more
    return Target(
        gain.new_tensor(units).repeat_interleave(count),
        torch.cat([gain] + [flat] * components + [gain] * more + [flat] * more, 1),
        torch.cat([flat] + [scale] * components + [flat] * (2 * more), 1),
        low=-(2**30),
        high=2**30,
    )
