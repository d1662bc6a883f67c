"""A network of the default family in integers, as a model that can be trained.

`QuantizedCodec` is a `CodecModel`: training, validation and search use it as any other. Between its
parts run real numbers, which are whole multiples of the integers' units; `lower` gives the codec of
integers that computes the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from lic.entropy_coding.tables import LOGIT_UNIT, MEAN_UNIT, SCALE_LOWEST, SCALE_RATIO
from lic.integer_networks.codec_network import SIDE_LIMIT, SIDE_SCALE, CodecNetwork
from lic.integer_networks.fixed_point import GAIN_BITS, LARGEST
from lic.integer_networks.graph import Graph
from lic.models.base import CodecModel
from lic.models.deployable.config import DeployableConfig
from lic.models.deployable.context import gather_step, scatter_step
from lic.models.deployable.model import Deployable, FourStepPath
from lic.models.entropy_path import EntropyPath
from lic.models.mixture import Mixture
from lic.quantization import deployable
from lic.quantization.bits import BitPlan
from lic.quantization.calibration import PartRanges, Ranges, channels_last
from lic.quantization.float_graph import FloatGraph, Shapes
from lic.quantization.lowering import lower
from lic.quantization.quantizer import (
    GraphQuantizer,
    Prepared,
    Target,
    fixed_units,
    logarithms,
    roots,
    run,
)
from lic.quantization.rounding import round_half_up

_PIXEL_UNIT = 1 / 510
"""Pixels are 2 p - 255, which is exactly 510 times what the float network sees."""
# A scale index has 8 fractional bits until the quality's gain is added to it.
_INDEX_UNIT = SCALE_RATIO / 256
_SCALES = 255
_FINER = 64

Build = Callable[[Any, FloatGraph], FloatGraph]


class Ends(NamedTuple):
    """What a part's inputs and outputs are: see `GraphQuantizer.prepare`."""

    given: Mapping[str, Tensor]
    targets: Mapping[str, Target] = {}
    limits: Mapping[str, int] = {}


class QuantizedPart(nn.Module):
    """A part of the network, and how it is rounded."""

    def __init__(
        self, module: nn.Module, build: Build, plans: Sequence[BitPlan], ranges: Ranges
    ) -> None:
        super().__init__()
        self.module = module
        self.build = build
        self.start: Callable[[], FloatGraph] = partial(FloatGraph, plans[0])
        self.rounding: Callable[[Tensor], Tensor] = round_half_up
        graphs = [build(module, FloatGraph(plan)) for plan in plans]
        inputs = [layer.name for layer in graphs[0].layers if layer.kind == "input"]
        self.quantizer = GraphQuantizer(graphs, ranges, inputs)

    def graph(self) -> FloatGraph:
        """The graph of the chosen bits and shapes."""
        return self.build(self.module, self.start())

    def prepared(self, ends: Ends, graph: FloatGraph) -> list[Prepared]:
        """The integers of its layers."""
        return self.quantizer.prepare(graph, *ends, rounding=self.rounding)

    def run(self, ends: Ends, inputs: Sequence[Tensor], quality: Tensor) -> tuple[Tensor, Tensor]:
        """The output, in whole numbers (B, h, w, C), and its unit; inputs are whole, too."""
        graph = self.graph()
        prepared = self.prepared(ends, graph)
        values = run(graph, prepared, inputs, quality, self.rounding)
        place = graph.outputs[0]
        return values[place], prepared[place].unit

    def lower(self, ends: Ends) -> Graph:
        """The graph of integers."""
        graph = self.graph()
        return lower(graph, self.prepared(ends, graph))

    def output(self) -> str:
        """The name of the output's value."""
        graph = self.graph()
        return graph.layers[graph.outputs[0]].name


def _integers(real: Tensor, unit: Tensor) -> Tensor:
    """(B, C, h, w) to whole numbers (B, h, w, C) of 16 bits."""
    return round_half_up(channels_last(real) / unit).clamp(-LARGEST, LARGEST)


def _real(whole: Tensor, unit: Tensor) -> Tensor:
    """Whole numbers (B, h, w, C) to (B, C, h, w)."""
    return (whole * unit).permute(0, 3, 1, 2)


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
            inputs.append(_integers(decoded, self.latents))
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
        return _real(*seen)


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


class QuantizedCodec(CodecModel):
    """A network in integers.

    Parameters
    ----------
    network
        The trained network, whose side information is frozen; its parameters become this model's.
    plans
        Bits; the first plan is chosen. `choose` changes to another.
    ranges
        What calibration saw of the network.
    """

    config_class = DeployableConfig
    analysis: _Analysis
    hyper_analysis: _HyperAnalysis
    synthesis: _Synthesis
    entropy: QuantizedPath

    def __init__(self, network: Deployable, plans: Sequence[BitPlan], ranges: PartRanges) -> None:
        super().__init__()
        self.config = network.config
        self.halo = network.halo
        self.side = network.side
        parts = {}
        for name in ("analysis", "hyper_analysis", "synthesis"):
            build = getattr(deployable, f"{name}_graph")
            parts[name] = QuantizedPart(getattr(network, name), build, plans, getattr(ranges, name))
        latents = _latents_unit(parts["analysis"], parts["synthesis"], ranges)
        self.latents: Tensor
        self.register_buffer("latents", latents)
        self.analysis = _Analysis(parts["analysis"], latents)
        self.hyper_analysis = _HyperAnalysis(parts["hyper_analysis"], latents)
        self.synthesis = _Synthesis(parts["synthesis"], latents)
        self.entropy = QuantizedPath(
            network.entropy, plans, ranges.entropy, latents, network.config.components
        )

    def parts(self) -> list[tuple[QuantizedPart, Ends]]:
        """All parts, in the order of `CodecNetwork`'s fields, and what they lie between."""
        entropy = self.entropy
        found = [(end.part, end.ends()) for end in (self.analysis, self.hyper_analysis)]
        found.append((entropy.synthesis, entropy.synthesis_ends()))
        found += [(part, entropy.step_ends(i)) for i, part in enumerate(entropy.step_parts())]
        if entropy.corrector is not None:
            found.append((entropy.corrector, entropy.corrector_ends()))
        found.append((self.synthesis.part, self.synthesis.ends()))
        return found

    def choose(
        self,
        plan: BitPlan,
        shapes: Shapes | None = None,
        rounding: Callable[[Tensor], Tensor] = round_half_up,
    ) -> None:
        """Change to another plan that this was made for, and to other shapes."""
        self.choose_graph(partial(FloatGraph, plan, shapes or {}), rounding)

    def choose_graph(
        self,
        start: Callable[[], FloatGraph],
        rounding: Callable[[Tensor], Tensor] = round_half_up,
    ) -> None:
        """Change to another kind of graph; ``start`` makes an empty one."""
        for part, _ in self.parts():
            part.start, part.rounding = start, rounding

    @torch.no_grad()
    def lower(self) -> CodecNetwork:
        """The codec of integers."""
        exact = deepcopy(self).double().eval()
        entropy, latents = exact.entropy, exact.latents
        gain = entropy.latent_gain.log_gain.exp()
        tables = [
            logarithms((table * 2**GAIN_BITS).numpy())
            for table in (64 * latents * gain, 1 / (64 * latents * gain))
        ]
        graphs = [part.lower(ends) for part, ends in exact.parts()]
        analysis, hyper_analysis, hyper_synthesis = graphs[:3]
        steps = tuple(graphs[3 : 3 + entropy.step_count])
        corrector = None if entropy.corrector is None else graphs[-2]
        return CodecNetwork(
            analysis=analysis,
            hyper_analysis=hyper_analysis,
            hyper_synthesis=hyper_synthesis,
            steps=steps,
            corrector=corrector,
            synthesis=graphs[-1],
            to_steps=tables[0],
            from_steps=tables[1],
            side_counts=self.side.counts.cpu().numpy().astype("int32"),
        )


def _latents_unit(analysis: QuantizedPart, synthesis: QuantizedPart, ranges: PartRanges) -> Tensor:
    """With which the analysis' results and the synthesis' inputs have their headroom."""
    graph = analysis.graph()
    root = graph.layers[roots(graph)[graph.outputs[0]]].name
    produced = fixed_units(graph, ranges.analysis)[root]
    read = fixed_units(synthesis.graph(), ranges.synthesis)["latents"]
    return torch.maximum(produced, read)


class _End(nn.Module):
    """A part between pictures, latents and side information."""

    def ends(self) -> Ends:
        """What it lies between."""
        raise NotImplementedError

    def __init__(self, part: QuantizedPart, latents: Tensor) -> None:
        super().__init__()
        self.part = part
        self.latents: Tensor
        self.register_buffer("latents", latents)


class _Analysis(_End):
    """Pictures (B, 3, H, W) in 0..1 to latents (B, M, h, w)."""

    def ends(self) -> Ends:
        pixels = self.latents.new_full((3,), _PIXEL_UNIT)
        return Ends({"pixels": pixels, self.part.output(): self.latents}, limits={"pixels": 255})

    def forward(self, x: Tensor, quality: Tensor) -> Tensor:
        pixels = 2 * round_half_up(255 * channels_last(x)) - 255
        return _real(*self.part.run(self.ends(), [pixels], quality))


class _HyperAnalysis(_End):
    """Latents to side information (B, Z, h/4, w/4), in whole numbers."""

    def ends(self) -> Ends:
        outputs = self.part.module.body[-1].conv.out_channels  # type: ignore[index, union-attr]
        # In training, noise takes the place of rounding (`CodecModel.forward`).
        finer = _FINER if self.training else 1
        limit = SIDE_LIMIT * finer
        target = Target(
            self.latents.new_full((int(outputs),), 1 / finer), None, None, -limit, limit
        )
        return Ends({"latents": self.latents}, {self.part.output(): target})

    def forward(self, y: Tensor, quality: Tensor) -> Tensor:
        whole, unit = self.part.run(self.ends(), [_integers(y, self.latents)], quality)
        return _real(whole, unit)


class _Synthesis(_End):
    """Latents to pictures (B, 3, H, W), in levels of 1/255."""

    def ends(self) -> Ends:
        levels = self.latents.new_full((192,), 1 / 255)
        target = Target(levels, low=0, high=255, shift=0.5)
        return Ends({"latents": self.latents}, {"synthesis.head": target})

    def forward(self, y: Tensor, quality: Tensor) -> Tensor:
        return _real(*self.part.run(self.ends(), [_integers(y, self.latents)], quality))
