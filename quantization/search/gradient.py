"""QuantNAS: a search by gradients over operations and bits at once.

After QuantNAS for super-resolution (its code; `quantization/README.md` tells what differs and why).
Every site has a vector of logits over its choices. In the relaxed network, a site's blocks are
mixtures: kernels and branches are linear in their weights, so that one mixed block stands for all
shapes; and in place of rounding there is uniform noise of the same variance, as wide as the mixed
steps. The logits learn on one half of the pictures, the weights on the other, from the
rate-distortion loss, an entropy that drives every site to one choice, and a penalty on the cost.

Options after sharpDARTS (Hundt et al. 2019, arXiv 1903.09900): Max-W, by which the best choice
always has full weight, and cosine power annealing of the learning rate.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

import torch
from torch import Tensor, nn

from lic.models.layers import TokenMixing
from lic.quantization.bits import BitPlan, LayerBits
from lic.quantization.float_graph import WIDE, FloatGraph
from lic.quantization.quantized_codec import QuantizedCodec
from lic.quantization.search.costs import Costs
from lic.quantization.search.space import Architecture, Site, Space
from lic.quantization.search.supernet import Batches, training_loss


@dataclass(frozen=True)
class GradientSearch:
    """The settings of a search."""

    steps: int = 400
    weights_only: float = 0.3
    """Fraction of the steps in which only weights learn."""
    penalty: float = 1.0
    """Of the cost, as a fraction of the largest architecture's, in units of the loss."""
    entropy: float = 0.02
    """Of the entropy of the choices, in units of the loss; it grows from nothing."""
    noise: bool = True
    """Whether noise stands for rounding; without it, only the penalty sees bits."""
    max_w: bool = False
    weight_rate: float = 1e-4
    logit_rate: float = 0.05
    power: float = 10.0
    """Of the annealing: 1 is close to a cosine, 10 falls early."""


class Relaxation(nn.Module):
    """The logits of a space, and the network in which all choices are mixed."""

    def __init__(self, space: Space, codec: QuantizedCodec, settings: GradientSearch) -> None:
        super().__init__()
        self.space = space
        self.settings = settings
        self.logits = nn.ParameterList(
            nn.Parameter(torch.zeros(len(site.choices))) for site in space.sites
        )
        self._numbers = {site.name: number for number, site in enumerate(space.sites)}
        self._units: dict[str, Tensor] = {
            name: parameter
            for part, _ in codec.parts()
            for name, parameter in part.quantizer.learned.items()
        }

    def probabilities(self) -> list[Tensor]:
        """Of the choices of each site."""
        return [logits.softmax(0) for logits in self.logits]

    def mixture(self, site: Site) -> Tensor:
        """The weights with which choices are mixed."""
        weights = self.logits[self._numbers[site.name]].softmax(0)
        mixed: Tensor = 1 - weights.max() + weights if self.settings.max_w else weights
        return mixed

    def site_of(self, layer: str) -> Site:
        """The site that a layer belongs to."""
        name = layer
        while name not in self._numbers:
            name = name.rpartition(".")[0]
        return self.space.sites[self._numbers[name]]

    def spread(self, layer: str, kind: str) -> Tensor | None:
        """How wide the noise of a layer's ``kind`` (weights, activations) is: by channel.

        It is the mixture of the steps of all numbers of bits that the layer may have.
        """
        site = self.site_of(layer)
        weights = self.logits[self._numbers[site.name]].softmax(0)
        total: Tensor | None = None
        for bits in site.weight_bits if kind == "weights" else site.activation_bits:
            if kind == "activations" and bits >= WIDE:
                continue
            chosen = [
                i for i, c in enumerate(site.choices) if c.present and getattr(c.bits, kind) == bits
            ]
            part = weights[chosen].sum() * self.unit(layer, bits, kind).detach()
            total = part if total is None else total + part
        return total

    def unit(self, layer: str, bits: int, kind: str) -> Tensor:
        """The learned unit of a layer's activations at some bits, or the step of its weights.

        That of weights is in units of the largest of the channel.
        """
        name = f"{layer.replace('.', '-')}@{bits}"
        unit = self._units[name if kind == "activations" else f"{name}w"].exp()
        return unit if kind == "activations" else unit / float(2 ** (bits - 1) - 1)

    def best(self) -> Architecture:
        """The most probable choice of every site."""
        return Architecture(tuple(int(logits.argmax()) for logits in self.logits))

    def entropy(self) -> Tensor:
        """The mean entropy of the choices, from 0 to 1 in units of the greatest."""
        entropies = [
            -(p * p.clamp_min(1e-12).log()).sum() / math.log(len(p)) for p in self.probabilities()
        ]
        return torch.stack(entropies).mean()

    def cost(self, tables: list[Tensor]) -> Tensor:
        """The expected cost, as a fraction of the largest architecture's."""
        expected = [
            (p * table).sum() for p, table in zip(self.probabilities(), tables, strict=True)
        ]
        return torch.stack(expected).sum() / sum(float(table[0]) for table in tables)


class MixedGraph(FloatGraph):
    """A graph in which every site is the mixture of its choices."""

    def __init__(self, relaxation: Relaxation) -> None:
        widest = LayerBits(max(b for s in relaxation.space.sites for b in s.weight_bits))
        super().__init__(BitPlan(widest, widest))
        self.relaxation = relaxation

    def add(self, kind: str, *sources: int, **fields: object) -> int:
        """As `FloatGraph.add`, with noise on weights."""
        weight, name = fields.get("weight"), str(fields.get("name"))
        if isinstance(weight, Tensor) and self.relaxation.settings.noise:
            rows = weight if kind == "convolution" else weight.flatten(0, 1).T
            spread = self.relaxation.spread(name, "weights")
            assert spread is not None
            width = (spread * self._largest(rows))[:, None]
            noise = width * (torch.rand_like(rows) - 0.5)
            fields["weight"] = weight + (
                noise if kind == "convolution" else noise.T.reshape(weight.shape)
            )
        return super().add(kind, *sources, **fields)

    @staticmethod
    def _largest(rows: Tensor) -> Tensor:
        return rows.detach().abs().amax(1)

    def narrow(self, source: int, layer: str) -> int:
        """Noise in place of the rounding of what a layer reads."""
        value = self.layers[source]
        if value.name == "pixels" or not self.relaxation.settings.noise:
            return source
        own = value.kind == "depthwise" or value.relu
        spread = self.relaxation.spread(value.name if own else f"{layer}.input", "activations")
        if spread is None:
            return source
        return self.add("noise", source, name=f"{layer}.input", noise=spread)

    def token_mixing(self, source: int, name: str, block: TokenMixing) -> int:
        """The mixture of a block's shapes, by its weights."""
        site = self.relaxation.site_of(name)
        weights = self.relaxation.mixture(site)
        kernel, inner = block.spatial.kernel_size[0], block.channel_out.in_channels
        width = block.spatial.out_channels
        windows, branches = [], []
        for choice in site.choices:
            window, branch = torch.zeros(kernel, kernel), torch.zeros(inner)
            if choice.shape is not None:
                margin = (kernel - choice.shape.kernel) // 2
                window[margin : kernel - margin, margin : kernel - margin] = 1
                branch[: int(choice.shape.expansion * width)] = 1
            windows.append(window)
            branches.append(branch)
        window = torch.einsum("n,nij->ij", weights, torch.stack(windows))
        branch = weights @ torch.stack(branches)
        present = weights @ torch.tensor([float(choice.present) for choice in site.choices])
        spatial = _like(block.spatial, block.spatial.weight * window / present)
        spatial_out = _like(block.spatial_out, block.spatial_out.weight * present, present)
        out = _like(block.channel_out, block.channel_out.weight * branch[:, None, None], present)
        mixed = SimpleNamespace(
            gated=block.gated,
            spatial_in=block.spatial_in,
            spatial=spatial,
            spatial_out=spatial_out,
            channel_in=block.channel_in,
            channel_out=out,
        )
        return super().token_mixing(source, name, cast(TokenMixing, mixed))


def _like(conv: nn.Conv2d, weight: Tensor, factor: Tensor | float = 1.0) -> Any:
    """A convolution with another weight, and its bias times a factor."""
    assert conv.bias is not None
    return SimpleNamespace(
        weight=weight,
        bias=conv.bias * factor,
        in_channels=conv.in_channels,
        out_channels=conv.out_channels,
        kernel_size=conv.kernel_size,
    )


def power_annealing(spent: float, power: float) -> float:
    """Cosine power annealing from 1 to 0 at a spent fraction: sharpDARTS, section 4.2."""
    cosine = (1 + math.cos(math.pi * spent)) / 2
    rate: float = (power ** (cosine + 1) - power) / (power**2 - power)
    return rate


def search(
    relaxation: Relaxation,
    codec: QuantizedCodec,
    costs: Costs,
    column: int,
    batches: tuple[Batches, Batches],
    tell: Callable[[int, float], None],
) -> Iterator[Architecture]:
    """Train logits and weights by turns; gives the best architecture ten times or so.

    Parameters
    ----------
    relaxation, codec
        What is trained; the weights are changed.
    costs, column
        What the penalty is on: 0 BitOps, 1 bytes, 2 milliseconds.
    batches
        Pictures for the weights, and others for the logits.
    tell
        Hears of each step and of its loss.
    """
    settings = relaxation.settings
    tables = [torch.tensor(table[:, column], dtype=torch.float32) for table in costs.tables]
    weights = [p for p in codec.parameters() if p.requires_grad]
    by_weights = torch.optim.AdamW(weights, settings.weight_rate, (0.9, 0.98), weight_decay=0)
    by_logits = torch.optim.Adam(relaxation.parameters(), settings.logit_rate, (0.5, 0.999))
    every = max(settings.steps // 15, 1)
    codec.train()
    codec.choose_graph(lambda: MixedGraph(relaxation))
    for step in range(settings.steps):
        spent = step / settings.steps
        for group in by_weights.param_groups:
            group["lr"] = settings.weight_rate * power_annealing(spent, settings.power)
        by_weights.zero_grad(set_to_none=True)
        loss = training_loss(codec, *batches[0](step))
        loss.backward()  # type: ignore[no-untyped-call]
        if torch.isfinite(nn.utils.clip_grad_norm_(weights, 1.0)):
            by_weights.step()
        tell(step, float(loss.detach()))
        late = (spent - settings.weights_only) / (1 - settings.weights_only)
        if late >= 0:
            relaxation.zero_grad(set_to_none=True)
            total = training_loss(codec, *batches[1](step))
            total = total + settings.penalty * relaxation.cost(tables)
            total = total + settings.entropy * late * relaxation.entropy()
            total.backward()  # type: ignore[no-untyped-call]
            by_logits.step()
            if step % every == 0 or step == settings.steps - 1:
                yield relaxation.best()
    codec.eval()
