"""How large the values of a network become on training pictures, channel by channel."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from lic.models.deployable.context import gather_step, scatter_step
from lic.models.deployable.model import Deployable
from lic.models.mixture import Mixture
from lic.quantization import deployable
from lic.quantization.bits import BitPlan, LayerBits
from lic.quantization.float_graph import FloatGraph

QUALITIES = (0.0, 0.25, 0.5, 0.75, 1.0)
_SAMPLES = 32
"""Of a value, for each picture and quality."""
_AS_TRAINED = BitPlan(LayerBits(16), LayerBits(16))


@dataclass
class Ranges:
    """What is known of the values of a graph, by the layers' names."""

    maxima: dict[str, Tensor] = field(default_factory=dict)
    """The largest magnitude of each channel, (C,)."""
    samples: dict[str, list[Tensor]] = field(default_factory=dict)
    """Values at places drawn at random, (n, C) each."""

    def see(self, graph: FloatGraph, inputs: Sequence[Tensor], quality: Tensor) -> None:
        """Run a graph and take its values into account."""
        for layer, value in zip(graph.layers, graph.run(inputs, quality), strict=True):
            flat = value.flatten(0, 2)
            largest = flat.abs().amax(dim=0)
            self.maxima[layer.name] = torch.maximum(largest, self.maxima.get(layer.name, largest))
            drawn = torch.randint(len(flat), (_SAMPLES,))
            self.samples.setdefault(layer.name, []).append(flat[drawn])


@dataclass(frozen=True)
class PartRanges:
    """The ranges of all parts of a codec network."""

    analysis: Ranges = field(default_factory=Ranges)
    hyper_analysis: Ranges = field(default_factory=Ranges)
    entropy: Ranges = field(default_factory=Ranges)
    """Of the hyper synthesis, the context steps and the corrector."""
    synthesis: Ranges = field(default_factory=Ranges)


@torch.no_grad()
def calibrate(model: Deployable, crops: Iterable[Tensor]) -> PartRanges:
    """Ranges of a network on crops (1, 3, H, W) in 0..1, sides multiples of 64."""
    ranges = PartRanges()
    state = torch.get_rng_state()
    torch.manual_seed(0)  # the samples' places; the result depends on the pictures alone
    for crop in crops:
        for quality in QUALITIES:
            _see(model, ranges, crop, torch.tensor([quality]))
    torch.set_rng_state(state)
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
    entropy = model.entropy
    ranges.analysis.see(
        deployable.analysis_graph(model.analysis, FloatGraph(_AS_TRAINED)),
        [channels_last(crop) - 0.5],
        quality,
    )
    ranges.hyper_analysis.see(
        deployable.hyper_analysis_graph(model.hyper_analysis, FloatGraph(_AS_TRAINED)),
        [channels_last(y)],
        quality,
    )
    ranges.entropy.see(
        deployable.hyper_synthesis_graph(entropy.synthesis, FloatGraph(_AS_TRAINED)),
        [channels_last(z)],
        quality,
    )
    before = torch.zeros_like(decoded)
    for step, module in enumerate(entropy.steps):
        graph = deployable.step_graph(module, FloatGraph(_AS_TRAINED))  # type: ignore[arg-type]
        count = len([layer for layer in graph.layers if layer.kind == "input"])
        inputs = [channels_last(features), channels_last(before)][:count]
        ranges.entropy.see(graph, inputs, quality)
        before = before + scatter_step(gather_step(decoded, step), step)
    if entropy.corrector is not None:
        corrector = deployable.corrector_graph(entropy.corrector, FloatGraph(_AS_TRAINED))
        ranges.entropy.see(corrector, [channels_last(features)], quality)
    ranges.synthesis.see(
        deployable.synthesis_graph(model.synthesis, FloatGraph(_AS_TRAINED)),
        [channels_last(decoded)],
        quality,
    )


def channels_last(x: Tensor) -> Tensor:
    """(B, C, h, w) to (B, h, w, C)."""
    return x.permute(0, 2, 3, 1)
