"""What a search can choose: for every block its kernel, expansion and presence, and its bits.

A site is a block, or a convolution between blocks, by its name in the network. A choice is one of
its options; an `Architecture` has a choice for each site. Sub-kernels are the inner windows of the
network's, and narrower branches its first channels: all choices share the network's weights.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from lic.models.deployable.model import Deployable
from lic.models.deployable.transforms import BlockShape
from lic.models.layers import TokenMixing
from lic.quantization.bits import BitPlan, LayerBits
from lic.quantization.errors import QuantizationError
from lic.quantization.float_graph import Shapes

KERNELS = (3, 5, 7)
EXPANSIONS = (0.5, 1.0, 1.5, 2.0)
WEIGHT_BITS = (4, 6, 8, 12)
ACTIVATION_BITS = (8, 12, 16)
_OPTIONAL = tuple(
    f"{part}.{stage}" for part in ("analysis", "synthesis") for stage in ("blocks", "latent_blocks")
)
"""Where blocks may be absent."""


@dataclass(frozen=True)
class Choice:
    """What a site has."""

    bits: LayerBits
    shape: BlockShape | None = None
    """Of a block; None for a convolution, and for a block that is absent."""
    present: bool = True


@dataclass(frozen=True)
class Site:
    """A block or a convolution, and what it can be, the largest first."""

    name: str
    shapes: tuple[BlockShape, ...]
    """Of a block; empty for a convolution."""
    optional: bool
    weight_bits: tuple[int, ...]
    activation_bits: tuple[int, ...]

    @cached_property
    def choices(self) -> tuple[Choice, ...]:
        """All options; the first is the largest. An absent block is the last one, once."""
        pairs = itertools.product(self.weight_bits, self.activation_bits)
        bits = [LayerBits(*pair) for pair in pairs]
        shapes: Sequence[BlockShape | None] = self.shapes or (None,)
        found = [Choice(b, shape) for shape in shapes for b in bits]
        if self.optional:
            found.append(Choice(bits[0], None, present=False))
        return tuple(found)


@dataclass(frozen=True)
class Architecture:
    """A choice for each site, by its number."""

    numbers: tuple[int, ...]


@dataclass(frozen=True)
class Space:
    """All architectures that share a network's weights."""

    sites: tuple[Site, ...]

    def choices(self, architecture: Architecture) -> dict[str, Choice]:
        """The choices by the sites' names."""
        return {
            site.name: site.choices[number]
            for site, number in zip(self.sites, architecture.numbers, strict=True)
        }

    def plan(self, architecture: Architecture) -> BitPlan:
        """The bits."""
        chosen = self.choices(architecture)
        return BitPlan(layers={name: choice.bits for name, choice in chosen.items()})

    def shapes(self, architecture: Architecture) -> Shapes:
        """The blocks' shapes."""
        blocks = {site.name for site in self.sites if site.shapes}
        chosen = self.choices(architecture)
        return {name: choice.shape for name, choice in chosen.items() if name in blocks}

    def plans(self) -> list[BitPlan]:
        """Plans that have each number of bits somewhere, the largest first."""
        pairs = list(
            itertools.zip_longest(
                sorted({b for s in self.sites for b in s.weight_bits}, reverse=True),
                sorted({b for s in self.sites for b in s.activation_bits}, reverse=True),
            )
        )
        last = [next(p[i] for p in reversed(pairs) if p[i] is not None) for i in (0, 1)]
        bits = [LayerBits(w or last[0], a or last[1]) for w, a in pairs]
        return [BitPlan(b, b) for b in bits]

    @property
    def largest(self) -> Architecture:
        """Everything as large as it can be."""
        return Architecture((0,) * len(self.sites))

    @property
    def smallest(self) -> Architecture:
        """The last of each site's choices that is present."""
        last = (len(site.choices) - 1 - site.optional for site in self.sites)
        return Architecture(tuple(last))

    def random(self, rng: np.random.Generator) -> Architecture:
        """An architecture: shape and bits drawn evenly, a block absent one time in eight."""
        numbers = []
        for site in self.sites:
            count = len(site.choices) - site.optional
            absent = site.optional and rng.random() < 1 / 8
            numbers.append(count if absent else int(rng.integers(count)))
        return Architecture(tuple(numbers))

    def uniform(self, bits: LayerBits) -> Architecture:
        """The largest shapes, all with the same bits.

        Raises QuantizationError if a site does not have them.
        """
        return self.nearest(
            {site.name: Choice(bits, next(iter(site.shapes), None)) for site in self.sites}
        )

    def nearest(self, choices: Mapping[str, Choice]) -> Architecture:
        """The architecture of choices by name; raises QuantizationError if it is not here."""
        numbers = []
        for site in self.sites:
            choice = choices.get(site.name)
            if choice is not None and not choice.present:
                choice = replace(choice, bits=site.choices[-1].bits, shape=None)
            if choice not in site.choices:
                raise QuantizationError(f"the space has no such choice for {site.name}")
            numbers.append(site.choices.index(choice))
        return Architecture(tuple(numbers))

    def to_values(self, architecture: Architecture) -> dict[str, Any]:
        """The choices for JSON; `BitPlan.from_values` reads its bits."""
        found = {}
        for name, choice in self.choices(architecture).items():
            shape = choice.shape
            found[name] = {
                "present": choice.present,
                "kernel": None if shape is None else shape.kernel,
                "expansion": None if shape is None else shape.expansion,
            }
        return {"blocks": found, "bits": self.plan(architecture).to_values()}


def read_architecture(values: Any) -> tuple[BitPlan, Shapes]:
    """The bits and the shapes of `Space.to_values`; raises QuantizationError if it is none."""
    try:
        shapes: dict[str, BlockShape | None] = {}
        for name, block in values["blocks"].items():
            if block["kernel"] is not None:
                shapes[name] = BlockShape(int(block["kernel"]), float(block["expansion"]))
            elif not block["present"]:
                shapes[name] = None
        return BitPlan.from_values(values["bits"]), shapes
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise QuantizationError("this is no architecture of a search") from error


def check_architecture(model: Deployable, plan: BitPlan, shapes: Shapes) -> None:
    """Raise QuantizationError if bits or shapes are of something that a network does not have."""
    sites = {site.name: site for site in space_of(model).sites}
    for name, shape in shapes.items():
        options: tuple[BlockShape | None, ...] = ()
        if name in sites:
            options = (*sites[name].shapes, *([None] if sites[name].optional else []))
        if shape not in options:
            raise QuantizationError(f"the network has no such block: {name} with {shape}")
    modules = {name for name, _ in model.named_modules()}
    for name in plan.layers:
        if name not in modules:
            raise QuantizationError(f"the network has no layer {name}")


def space_of(
    model: Deployable,
    weight_bits: Iterable[int] = WEIGHT_BITS,
    activation_bits: Iterable[int] = ACTIVATION_BITS,
    *,
    shapes: bool = True,
) -> Space:
    """The space of a network: no block is larger than it is there.

    Without ``shapes``, only bits are searched.
    """
    bits = (
        tuple(sorted(weight_bits, reverse=True)),
        tuple(sorted(activation_bits, reverse=True)),
    )
    if not all(bits):
        raise QuantizationError("a search needs bits to choose from")
    sites = []
    for name, module in _sites(model):
        options: tuple[BlockShape, ...] = ()
        if isinstance(module, TokenMixing):
            options = _options(module) if shapes else _options(module)[:1]
        optional = shapes and bool(options) and name.rpartition(".")[0] in _OPTIONAL
        sites.append(Site(name, options, optional, *bits))
    return Space(tuple(sites))


def _sites(model: Deployable) -> list[tuple[str, Any]]:
    """Blocks, and the convolutions that are in none, in the order of the network.

    The convolutions of a step's heads are one site.
    """
    found: dict[str, Any] = {}
    for name, module in model.named_modules():
        if any(name.startswith(f"{outer}.") for outer in found):
            continue
        if isinstance(module, TokenMixing):
            found[name] = module
        elif getattr(module, "weight", None) is not None:
            site = name.removesuffix(".conv")
            found[site.rpartition(".")[0] if ".heads." in site else site] = None
    return list(found.items())


def _options(block: TokenMixing) -> tuple[BlockShape, ...]:
    kernel = block.spatial.kernel_size[0]
    expansion = block.channel_out.in_channels / block.spatial.out_channels
    kernels = [k for k in reversed(KERNELS) if k <= kernel]
    expansions = [e for e in reversed(EXPANSIONS) if e <= expansion]
    return tuple(BlockShape(k, e) for k in kernels for e in expansions)
