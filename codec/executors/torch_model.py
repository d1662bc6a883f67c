"""Graphs of integers as torch modules that compute the same integers, to the last bit.

Doubles hold every sum of a graph exactly, whatever the order of its terms, so that matrix products
in float64 are exact; all else is int64. Factors by quality are computed from their tables, so that
quality can be an input of an exported program. `torch_graph` runs these modules; `lic.export` makes
programs of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import singledispatch
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from lic.integer_networks import Graph
from lic.integer_networks import layers as kinds
from lic.integer_networks.fixed_point import (
    EXP2_COEFFICIENTS,
    GAIN_BITS,
    LARGEST,
    LOG_BITS,
    MULTIPLIER_LIMIT,
    QUALITY_STEPS,
    RESCALE_BITS,
)

# Of activations and weights, without the sign.
_HALF_BITS = 15


class Scale(NamedTuple):
    """What a layer rescales by at a quality."""

    factors: Tensor
    """(C,) or (1, C), int64."""
    offsets: Tensor | int
    """Added to what was rescaled."""


class Mixture(NamedTuple):
    """The arrays of `lic.integer_networks.MixtureArrays` as tensors."""

    centres: Tensor
    logits: Tensor
    means: Tensor
    scales: Tensor


Product = Callable[[Tensor, Tensor], Tensor]
"""Values (..., C) of 16 bits times weights (D, C), (..., D) as float64."""


def exact_product(values: Tensor, weights: Tensor) -> Tensor:
    """The sums themselves."""
    return values.double() @ weights.double().T


def half_product(values: Tensor, weights: Tensor) -> Tensor:
    """The sums in half precision, which has 11 bits: for an analysis that may be inexact.

    Both factors are scaled to at most 1, so that a sum, below 2**31 in integers, is at most 2.
    """
    scale = 2.0**-_HALF_BITS
    factors = [(factor.float() * scale).half() for factor in (values, weights)]
    return (factors[0] @ factors[1].T).double() * 4.0**_HALF_BITS


class TorchModel(nn.Module):
    """A graph; its constants are buffers of the integers that they are.

    With `exact_product` its results are the reference's.
    """

    def __init__(self, graph: Graph, product: Product = exact_product) -> None:
        super().__init__()
        self._graph, self._product = graph, product
        self._names: list[list[str]] = []
        for place, layer in enumerate(graph.layers):
            constants = _constants(layer)
            self._names.append(list(constants))
            for name, array in constants.items():
                self.register_buffer(f"{name}{place}", torch.from_numpy(array))
        self._types = [
            torch.int16 if graph.values[place].narrow else torch.int32 for place in graph.outputs
        ]
        # What no layer after this one needs.
        last = {
            source: place for place, layer in enumerate(graph.layers) for source in layer.sources
        }
        self._done: list[list[int]] = [[] for _ in graph.layers]
        for source, place in last.items():
            if source not in graph.outputs:
                self._done[place].append(source)

    def scales(self, quality: Tensor) -> dict[int, Scale]:
        """The scales of all layers that have one, by place; ``quality`` (1,) is int64."""
        found = {}
        for place, layer in enumerate(self._graph.layers):
            if isinstance(layer, kinds.Convolution | kinds.Depthwise | kinds.Gain):
                tables = self._constants_of(place)
                fixed, offsets = tables.get("fixed"), tables.get("offsets")
                found[place] = Scale(
                    exp2(at_quality(tables["logarithms"], quality))
                    if fixed is None
                    else fixed.long(),
                    0 if offsets is None else at_quality(offsets, quality),
                )
        return found

    def forward(self, scales: dict[int, Scale], *inputs: Tensor) -> tuple[Any, ...]:
        """The outputs of the graph, of the types of `lic.integer_networks.graph.Result`.

        ``inputs`` (B, h, w, C) are int16, and ``scales`` are those of a quality.
        """
        given = iter(inputs)
        values: list[Any] = []
        for place, layer in enumerate(self._graph.layers):
            if isinstance(layer, kinds.Input):
                values.append(next(given).long())
                continue
            sources = [values[source] for source in layer.sources]
            constants, scale = self._constants_of(place), scales.get(place)
            values.append(_compute(layer, sources, constants, scale, self._product))
            for source in self._done[place]:
                values[source] = None
        results = [values[place] for place in self._graph.outputs]
        return tuple(
            value if isinstance(value, Mixture) else value.to(dtype)
            for value, dtype in zip(results, self._types, strict=True)
        )

    def _constants_of(self, place: int) -> dict[str, Tensor]:
        return {name: self.get_buffer(f"{name}{place}") for name in self._names[place]}


def _constants(layer: kinds.Layer) -> dict[str, NDArray[Any]]:
    """The arrays of a layer."""
    owners: list[tuple[Any, Sequence[str]]] = []
    if isinstance(layer, kinds.Convolution | kinds.Depthwise):
        owners.append((layer, ("weights", "bias")))
    if isinstance(layer, kinds.Convolution | kinds.Depthwise | kinds.Gain):
        owners.append((layer.multiplier, ("fixed", "logarithms", "offsets")))
    arrays = {name: getattr(owner, name) for owner, names in owners for name in names}
    return {name: np.ascontiguousarray(a) for name, a in arrays.items() if a is not None}


def at_quality(table: Tensor, quality: Tensor) -> Tensor:
    """`lic.integer_networks.fixed_point.at_quality` of a table (levels, C), (1, C)."""
    last = table.shape[0] - 1
    position = quality * last
    level = (position // QUALITY_STEPS).clamp(max=max(last - 1, 0))
    upper = (position - level * QUALITY_STEPS)[:, None]
    low, high = (table[place].long() for place in (level, (level + 1).clamp(max=last)))
    return (low * (QUALITY_STEPS - upper) + high * upper + QUALITY_STEPS // 2) // QUALITY_STEPS


def exp2(logarithms: Tensor) -> Tensor:
    """`lic.integer_networks.fixed_point.exp2`."""
    whole, fraction = logarithms >> LOG_BITS, logarithms & ((1 << LOG_BITS) - 1)
    power = torch.full_like(logarithms, EXP2_COEFFICIENTS[-1])
    for coefficient in EXP2_COEFFICIENTS[-2::-1]:
        power = coefficient + ((power * fraction) >> LOG_BITS)
    shift = 31 - whole
    rounded = (2 * power + (torch.ones_like(shift) << (shift - 1))) >> shift
    return rounded.clamp(max=MULTIPLIER_LIMIT)


def gained(values: Tensor, factors: Tensor) -> Tensor:
    """`lic.integer_networks.fixed_point.apply_gain`."""
    return (values * factors + (1 << (GAIN_BITS - 1))) >> GAIN_BITS


def saturate(values: Tensor) -> Tensor:
    """Values limited to activations."""
    return values.clamp(-LARGEST, LARGEST)


def unshuffle(values: Tensor, factor: int) -> Tensor:
    """Cells of factor x factor places (B, h, w, C), folded into channels."""
    batch, height, width, channels = values.shape
    n = factor
    cells = values.reshape(batch, height // n, n, width // n, n, channels)
    return cells.permute(0, 1, 3, 2, 4, 5).reshape(batch, height // n, width // n, -1)


def shuffle(values: Tensor, factor: int) -> Tensor:
    """The inverse of `unshuffle`."""
    batch, height, width, _ = values.shape
    n = factor
    cells = values.reshape(batch, height, width, n, n, -1)
    return cells.permute(0, 1, 3, 2, 4, 5).reshape(batch, height * n, width * n, -1)


@singledispatch
def _compute(
    layer: Any,
    sources: list[Tensor],
    constants: dict[str, Tensor],
    scale: Scale | None,
    product: Product,
) -> Any:
    """What one layer makes of its sources (B, h, w, C), int64."""
    raise TypeError(f"no layer: {layer!r}")


@_compute.register
def _(
    layer: kinds.Convolution,
    sources: list[Tensor],
    constants: dict[str, Tensor],
    scale: Scale,
    product: Product,
) -> Tensor:
    return _finish(layer, product(sources[0], constants["weights"]) + constants["bias"], scale)


@_compute.register
def _(
    layer: kinds.Depthwise,
    sources: list[Tensor],
    constants: dict[str, Tensor],
    scale: Scale,
    *_: Any,
) -> Tensor:
    reach = constants["weights"].shape[0] // 2
    height, width = sources[0].shape[1:3]
    # Not by a library's convolution: it may compute in ways that round.
    framed = F.pad(sources[0].double(), (0, 0, reach, reach, reach, reach))
    weights = constants["weights"].double()
    total = constants["bias"].double().expand(sources[0].shape)
    for row in range(2 * reach + 1):
        for column in range(2 * reach + 1):
            window = framed[:, row : row + height, column : column + width]
            total = total + window * weights[row, column]
    return _finish(layer, total, scale)


def _rescale(values: Tensor, multipliers: Tensor | int) -> Tensor:
    return (values * multipliers + (1 << (RESCALE_BITS - 1))) >> RESCALE_BITS


def _finish(layer: kinds.Convolution | kinds.Depthwise, total: Tensor, scale: Scale) -> Tensor:
    scaled = _rescale(total.long(), scale.factors) + scale.offsets
    return scaled.clamp(layer.low, layer.high)


def _gated(value: Tensor, gate: Tensor, layer: kinds.HardSwish | kinds.Gate) -> Tensor:
    opened = (gate + layer.three).clamp(0, 2 * layer.three)
    return saturate(_rescale(value * opened, layer.multiplier))


@_compute.register
def _(layer: kinds.HardSwish, sources: list[Tensor], *_: Any) -> Tensor:
    return _gated(sources[0], sources[0], layer)


@_compute.register
def _(layer: kinds.Gate, sources: list[Tensor], *_: Any) -> Tensor:
    value, gate = sources[0].chunk(2, dim=3)
    return _gated(value, gate, layer)


@_compute.register
def _(layer: kinds.Add, sources: list[Tensor], *_: Any) -> Tensor:
    return saturate(sources[0] + sources[1])


@_compute.register
def _(
    layer: kinds.Gain,
    sources: list[Tensor],
    constants: dict[str, Tensor],
    scale: Scale,
    *_: Any,
) -> Tensor:
    return gained(sources[0], scale.factors).clamp(layer.low, layer.high)


@_compute.register
def _(layer: kinds.Concatenation, sources: list[Tensor], *_: Any) -> Tensor:
    return torch.cat(sources, dim=3)


@_compute.register
def _(layer: kinds.Unshuffle, sources: list[Tensor], *_: Any) -> Tensor:
    return unshuffle(sources[0], layer.factor)


@_compute.register
def _(layer: kinds.Shuffle, sources: list[Tensor], *_: Any) -> Tensor:
    return shuffle(sources[0], layer.factor)


@_compute.register
def _(layer: kinds.Subsample, sources: list[Tensor], *_: Any) -> Tensor:
    return sources[0][:, layer.row :: 2, layer.column :: 2]


@_compute.register
def _(layer: kinds.Mixture, sources: list[Tensor], *_: Any) -> Mixture:
    parts = [source.reshape(*source.shape[:3], layer.parts, -1) for source in sources]
    raw = torch.cat(parts, dim=4).movedim(3, 1)  # (B, parts, h, w, M)
    count = layer.components
    first = torch.zeros_like(raw[:, :1])
    means = torch.cat((first, raw[:, 1 + count : 2 * count]), dim=1)
    logits = torch.cat((first, raw[:, 2 * count :]), dim=1)
    logits = 127 + logits - logits.amax(dim=1, keepdim=True)
    scales = (raw[:, 1 : 1 + count] + 128) >> 8
    return Mixture(
        raw[:, 0].int(),
        logits.clamp(-128, 127).to(torch.int8),
        means.clamp(-32768, 32767).to(torch.int16),
        scales.clamp(0, 255).to(torch.uint8),
    )
