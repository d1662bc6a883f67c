"""The units of values, from what calibration saw of them."""

from __future__ import annotations

import torch
from torch import Tensor

from lic.integer_networks.fixed_point import LARGEST
from lic.integer_networks.limits import HEADROOM
from lic.quantization.calibration import Ranges
from lic.quantization.float_graph import WIDE, FloatGraph, FloatLayer

SMALLEST = 1e-6
"""The least magnitude that a value is taken to have."""
_QUIETEST = 64
"""How many times finer the unit of a value's quietest channel is than that of its loudest."""
_CLIPS = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.22, 0.15, 0.1)
"""Ranges that are tried for narrow values and weights, in units of their maximum."""
_OPEN = 0.8
"""The least range of what a hard sigmoid sees: the integer for 3 must fit in 16 bits."""
MOVING = ("shuffle", "unshuffle", "subsample", "concatenation", "mixture")
"""Layers that only move numbers."""


def unit_of(largest: Tensor) -> Tensor:
    """The unit with which values of that magnitude have the usual headroom in 16 bits."""
    return largest.clamp_min(SMALLEST) * HEADROOM / LARGEST


def limits_of(layer: FloatLayer) -> tuple[int, int]:
    """The least and the largest integer of a layer's value by its bits."""
    if layer.bits >= WIDE:
        return (0 if layer.relu else -LARGEST), LARGEST
    if layer.relu:
        return 0, 2**layer.bits - 1
    if layer.swish:
        low = -(2 ** (layer.bits - 3))
        return low, low + 2**layer.bits - 1
    return 1 - 2 ** (layer.bits - 1), 2 ** (layer.bits - 1) - 1


def roots(graph: FloatGraph) -> list[int]:
    """For each value, the first of those that share its unit because they are added."""
    found = list(range(len(graph.layers)))

    def root(at: int) -> int:
        while found[at] != at:
            at = found[at]
        return at

    for at, layer in enumerate(graph.layers):
        if layer.kind == "add":
            first, second = sorted(map(root, layer.sources))
            found[second] = found[at] = first
    return [root(at) for at in range(len(graph.layers))]


def fixed_units(graph: FloatGraph, ranges: Ranges) -> dict[str, Tensor]:
    """The units of all values of 16 bits that have one of their own, by their names.

    A pointwise function needs one unit for all channels, and a gate one for each half of its
    source; all others have one for each channel, which costs nothing and keeps quiet ones precise.
    """
    layers = graph.layers
    first = roots(graph)
    units: dict[str, Tensor] = {}
    for at, layer in enumerate(layers):
        if first[at] != at or layer.kind in ("narrow", "noise", *MOVING[1:]):
            continue
        members = [ranges.maxima[layers[i].name] for i in range(len(layers)) if first[i] == at]
        largest = torch.stack(members).amax(0).clamp_min(SMALLEST)
        readers = {reader.kind for reader in layers if at in reader.sources}
        if "gate" in readers:
            largest = largest.view(2, -1).amax(1).clamp_min(_OPEN)
        elif "hard_swish" in readers:
            largest = largest.amax(0, keepdim=True).clamp_min(_OPEN)
        elif layer.kind in ("hard_swish", "gate"):
            largest = largest.amax(0, keepdim=True)
        else:
            # A channel that calibration found quiet may be loud on other pictures.
            largest = torch.maximum(largest, largest.amax() / _QUIETEST)
        units[layer.name] = unit_of(largest)
    return units


def best_unit(seen: Tensor, largest: Tensor, low: int, high: int) -> Tensor:
    """The unit (C,) with which samples (n, C) have the least squared error between the limits."""
    most = torch.maximum(largest, largest.amax() / _QUIETEST).clamp_min(SMALLEST) / high
    return least_error(seen, most, low, high)


def least_error(values: Tensor, most: Tensor, low: int, high: int) -> Tensor:
    """Of some fractions of ``most`` (C,), the one that rounds the values (n, C) best."""
    units = torch.stack([most * clip for clip in _CLIPS])
    rounded = [(values / unit).round().clamp(low, high) * unit for unit in units]
    errors = torch.stack([(r - values).square().mean(0) for r in rounded])
    best: Tensor = units.gather(0, errors.argmin(0)[None])[0]
    return best
