"""What an architecture costs: bit operations, bytes of its weights, milliseconds.

BitOps are multiply-accumulates times the bits of both factors, a pixel, for encoding and decoding a
picture once each, counting what both do only once. Milliseconds are those of the native executor
with one thread: every site is timed alone, by its shape and by what its bits change for the
executor, and an architecture is taken to need their sum.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import torch
from numpy.typing import NDArray

from lic.integer_networks import Graph
from lic.integer_networks.costs import graph_time
from lic.integer_networks.layers import Input, Layer
from lic.quantization.bits import BitPlan
from lic.quantization.float_graph import WIDE, FloatGraph, FloatLayer
from lic.quantization.quantized_codec import QuantizedCodec
from lic.quantization.quantized_part import QuantizedPart
from lic.quantization.search.space import Architecture, Choice, Space

_STRIDES = {
    "analysis": Fraction(1),
    "hyper_analysis": Fraction(1, 16),
    "entropy.synthesis": Fraction(1, 64),
    "entropy": Fraction(1, 16),
    "synthesis": Fraction(1, 16),
}
"""The resolution of a part's input, by what its layers' names begin with."""
_BYTE = 8
"""Bits of weights and activations up to which machines multiply bytes."""
_OUTPUT_BYTES = 8
"""Bias and multiplier of an output channel."""


@dataclass(frozen=True)
class Cost:
    """The cost of an architecture."""

    bit_operations: float
    """Thousands a pixel."""
    bytes: float
    milliseconds: float | None = None
    """For a picture of 768 x 512 pixels, with one thread."""


def layer_costs(graph: FloatGraph) -> Iterator[tuple[FloatLayer, float, int, int]]:
    """The convolutions of a graph: multiply-accumulates a pixel, bits of the inputs, outputs."""
    resolutions: list[Fraction] = []
    for layer in graph.layers:
        if layer.kind == "input":
            resolutions.append(Fraction(1))
            continue
        resolution = resolutions[layer.sources[0]]
        if layer.kind == "shuffle":
            resolution *= layer.factor
        elif layer.kind in ("unshuffle", "subsample"):
            resolution /= layer.factor if layer.kind == "unshuffle" else 2
        resolutions.append(resolution)
        if layer.weight is not None:
            outputs = layer.weight.shape[0 if layer.kind == "convolution" else 2]
            area = float(resolution * _stride(layer.name)) ** 2
            yield layer, layer.weight.numel() * area, _input_bits(graph, layer), outputs


def _stride(name: str) -> Fraction:
    return next(s for begin, s in _STRIDES.items() if name.startswith(f"{begin}."))


def _input_bits(graph: FloatGraph, layer: FloatLayer) -> int:
    """Bits of what a convolution reads, through layers that only move numbers."""
    source = graph.layers[layer.sources[0]]
    while source.kind in ("unshuffle", "subsample"):
        source = graph.layers[source.sources[0]]
    return 8 if source.name == "pixels" else source.bits


class Costs:
    """The costs of a space's architectures: sums over sites, for no cost depends on two of them.

    Parameters
    ----------
    space
        The architectures.
    codec
        The network that they are parts of.
    milliseconds
        As `time_table` measures them; without them, there are no times.
    """

    def __init__(
        self, space: Space, codec: QuantizedCodec, milliseconds: Mapping[str, float] | None = None
    ) -> None:
        self.tables: list[NDArray[np.float64]] = []
        """For each site (choices, 2 or 3): BitOps, bytes, and milliseconds if known."""
        parts = [part for part, _ in codec.parts()]
        for site in space.sites:
            rows = []
            for choice in site.choices:
                row = [*_site_cost(parts, site.name, choice)]
                if milliseconds is not None:
                    row.append(milliseconds[key(site.name, choice)] if choice.present else 0.0)
                rows.append(row)
            self.tables.append(np.array(rows))

    def of(self, architecture: Architecture) -> Cost:
        """The cost of one."""
        numbers = zip(self.tables, architecture.numbers, strict=True)
        return Cost(*map(float, np.sum([table[number] for table, number in numbers], axis=0)))


@torch.no_grad()
def _site_cost(parts: Sequence[QuantizedPart], site: str, choice: Choice) -> tuple[float, float]:
    """BitOps and bytes."""
    plan, shapes = BitPlan(layers={site: choice.bits}), {}
    if choice.shape is not None or not choice.present:
        shapes = {site: choice.shape}
    operations = size = 0.0
    for part in parts:
        graph = part.build(part.module, FloatGraph(plan, shapes))
        for layer, macs, bits, outputs in layer_costs(graph):
            if _belongs(layer.name, site):
                assert layer.weight is not None
                operations += macs * bits * layer.weight_bits / 1000
                size += layer.weight.numel() * layer.weight_bits / 8 + outputs * _OUTPUT_BYTES
    return operations, size


def key(site: str, choice: Choice) -> str:
    """What the time of a site depends on, as text."""
    shape = "" if choice.shape is None else f" k{choice.shape.kernel} e{choice.shape.expansion:g}"
    bits = choice.bits
    narrow = " narrow" if bits.activations < WIDE else ""
    if max(bits.weights, bits.activations) <= _BYTE:
        narrow = " bytes"
    return f"{site}{shape}{narrow}"


def time_table(space: Space, codec: QuantizedCodec) -> dict[str, float]:
    """Milliseconds of every site, by `key`, on this machine with one thread: medians."""
    found: dict[str, float] = {}
    chosen = space.choices(space.largest)
    for site in space.sites:
        for choice in site.choices:
            name = key(site.name, choice)
            if choice.present and name not in found:
                architecture = space.nearest(chosen | {site.name: choice})
                codec.choose(space.plan(architecture), space.shapes(architecture))
                found[name] = _site_time(codec, site.name)
    return found


@torch.no_grad()
def measured_time(codec: QuantizedCodec) -> float:
    """Milliseconds of all parts of a codec as it is chosen, one after the other."""
    exact = deepcopy(codec).double().eval()
    return sum(
        graph_time(part.lower(ends), _stride(part.graph().layers[-1].name))
        for part, ends in exact.parts()
    )


@torch.no_grad()
def _site_time(codec: QuantizedCodec, site: str) -> float:
    for part, ends in codec.parts():
        layers = part.graph().layers
        places = [i for i, layer in enumerate(layers) if _belongs(layer.name, site)]
        if places:
            cut, resolution = _cut_out(part.lower(ends), places)
            return graph_time(cut, resolution * _stride(layers[-1].name))
    raise ValueError(f"no such site: {site}")


def _belongs(layer: str, site: str) -> bool:
    return layer == site or layer.startswith(f"{site}.")


def _cut_out(graph: Graph, places: Sequence[int]) -> tuple[Graph, Fraction]:
    """Some layers of a graph, what they read as inputs, and the resolution of these inputs."""
    outer = sorted({s for p in places for s in graph.layers[p].sources} - set(places))
    layers: list[Layer] = []
    moved: dict[int, int] = {}
    for place in (*outer, *places):
        value = graph.values[place]
        if place in outer:
            bounds = int(value.low.min()), int(value.high.max())
            layers.append(Input(str(place), value.channels, *bounds))
        else:
            layer = graph.layers[place]
            layers.append(replace(layer, sources=tuple(moved[s] for s in layer.sources)))
        moved[place] = len(layers) - 1
    read = {source for layer in layers for source in layer.sources}
    outputs = tuple(moved[place] for place in places if moved[place] not in read)
    return Graph(tuple(layers), outputs), graph.values[outer[0]].resolution
