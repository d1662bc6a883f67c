"""A network of the default family in integers, as a model that can be trained.

`QuantizedCodec` is a `CodecModel`: training, validation and search use it as any other. Between its
parts run real numbers, which are whole multiples of the integers' units; `lower` gives the codec of
integers that computes the same.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import partial

import torch
from torch import Tensor, nn

from lic.integer_networks.codec_network import SIDE_LIMIT, CodecNetwork
from lic.integer_networks.fixed_point import GAIN_BITS
from lic.models.base import CodecModel, ModelOutput
from lic.models.deployable.config import DeployableConfig
from lic.models.deployable.model import Deployable
from lic.quantization import deployable
from lic.quantization.bits import BitPlan
from lic.quantization.calibration import PartRanges, channels_last
from lic.quantization.float_graph import FloatGraph, Shapes
from lic.quantization.integers import Target, logarithms
from lic.quantization.quantized_part import Ends, QuantizedPart, integers_of, real_of
from lic.quantization.quantized_path import QuantizedPath
from lic.quantization.rounding import round_half_up
from lic.quantization.units import fixed_units, roots

_PIXEL_UNIT = 1 / 510
"""Pixels are 2 p - 255, which is exactly 510 times what the float network sees."""
_FINER = 64
"""How much finer side information is while noise stands for its rounding."""


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
        self.served: tuple[BitPlan, ...] = ()
        """If there are several, each pass with gradients has one of these, drawn at random."""
        self.drawn = 0
        """The last one's number in ``served``."""
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

    def forward(self, x: Tensor, quality: Tensor) -> ModelOutput:
        """As `CodecModel.forward`."""
        self.draw()
        return super().forward(x, quality)

    def draw(self) -> None:
        """Begin a pass: with gradients, change to one of ``served``."""
        if self.served and torch.is_grad_enabled():
            self.drawn = int(torch.randint(len(self.served), ()))
            self.choose(self.served[self.drawn])

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


class _End(nn.Module, ABC):
    """A part between pictures, latents and side information."""

    def __init__(self, part: QuantizedPart, latents: Tensor) -> None:
        super().__init__()
        self.part = part
        self.latents: Tensor
        self.register_buffer("latents", latents)

    @abstractmethod
    def ends(self) -> Ends:
        """What it lies between."""


class _Analysis(_End):
    """Pictures (B, 3, H, W) in 0..1 to latents (B, M, h, w)."""

    def ends(self) -> Ends:
        pixels = self.latents.new_full((3,), _PIXEL_UNIT)
        return Ends({"pixels": pixels, self.part.output(): self.latents}, limits={"pixels": 255})

    def forward(self, x: Tensor, quality: Tensor) -> Tensor:
        pixels = 2 * round_half_up(255 * channels_last(x)) - 255
        return real_of(*self.part.run(self.ends(), [pixels], quality))


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
        whole, unit = self.part.run(self.ends(), [integers_of(y, self.latents)], quality)
        return real_of(whole, unit)


class _Synthesis(_End):
    """Latents to pictures (B, 3, H, W), in levels of 1/255."""

    def ends(self) -> Ends:
        levels = self.latents.new_full((192,), 1 / 255)
        target = Target(levels, low=0, high=255, shift=0.5)
        return Ends({"latents": self.latents}, {"synthesis.head": target})

    def forward(self, y: Tensor, quality: Tensor) -> Tensor:
        return real_of(*self.part.run(self.ends(), [integers_of(y, self.latents)], quality))
