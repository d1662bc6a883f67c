"""How large the values of a network become on training pictures, channel by channel."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lic.models.deployable.context import gather_step, scatter_step
from lic.models.deployable.model import Deployable
from lic.models.mixture import Mixture
from lic.quantization.deployable import FloatParts
from lic.quantization.float_graph import FloatGraph

QUALITIES = (0.0, 0.25, 0.5, 0.75, 1.0)


class Ranges:
    """The largest magnitude of each channel of each value of a graph."""

    def __init__(self, graph: FloatGraph) -> None:
        self.graph = graph
        self.maxima: list[Tensor] = []
        """(C,) for each layer, once anything was seen."""

    def see(self, inputs: Sequence[Tensor], quality: Tensor) -> None:
        """Run the graph and take its values into account."""
        seen = [v.abs().amax(dim=(0, 1, 2)) for v in self.graph.run(inputs, quality)]
        pairs = zip(self.maxima, seen, strict=True)
        self.maxima = [torch.maximum(a, b) for a, b in pairs] if self.maxima else seen


@dataclass
class PartRanges:
    """The ranges of all parts of a codec network; see `FloatParts`."""

    analysis: Ranges
    hyper_analysis: Ranges
    hyper_synthesis: Ranges
    steps: list[Ranges]
    corrector: Ranges | None
    synthesis: Ranges


@torch.no_grad()
def calibrate(model: Deployable, parts: FloatParts, crops: Iterable[Tensor]) -> PartRanges:
    """Ranges of a network on crops (1, 3, H, W) in 0..1, sides multiples of 64."""
    corrector = None if parts.corrector is None else Ranges(parts.corrector)
    ranges = PartRanges(
        Ranges(parts.analysis),
        Ranges(parts.hyper_analysis),
        Ranges(parts.hyper_synthesis),
        [Ranges(step) for step in parts.steps],
        corrector,
        Ranges(parts.synthesis),
    )
    for crop in crops:
        for quality in QUALITIES:
            _see(model, ranges, crop, torch.tensor([quality]))
    return ranges


def _see(model: Deployable, ranges: PartRanges, crop: Tensor, quality: Tensor) -> None:
    y = model.analysis(crop, quality)
    z = model.hyper_analysis(y, quality).round()
    scaled = y * model.entropy.latent_gain(quality)

    def quantise(step: int, mixture: Mixture) -> Tensor:
        centre = mixture.centre
        return centre + (model.entropy.gather(scaled, step) - centre).round()

    decoded = model.entropy(z, quality, quantise)
    features = model.entropy.features(z, quality)
    ranges.analysis.see([_last(crop) - 0.5], quality)
    ranges.hyper_analysis.see([_last(y)], quality)
    ranges.hyper_synthesis.see([_last(z)], quality)
    before = torch.zeros_like(decoded)
    for step, seen in enumerate(ranges.steps):
        count = len([layer for layer in seen.graph.layers if layer.kind == "input"])
        seen.see([_last(features), _last(before)][:count], quality)
        before = before + scatter_step(gather_step(decoded, step), step)
    if ranges.corrector is not None:
        ranges.corrector.see([_last(features)], quality)
    ranges.synthesis.see([_last(decoded)], quality)


def _last(x: Tensor) -> Tensor:
    """(B, C, h, w) to (B, h, w, C)."""
    return x.permute(0, 2, 3, 1)
