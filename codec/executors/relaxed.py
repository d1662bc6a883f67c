"""Graphs of integers without their rounding, in float32: what they compute, with gradients.

A graph of integers has no gradients, since rounding is flat. Without it, a graph is a network of
floats whose results differ from the integers by what rounding changes. Annealing needs no more, so
that no weights but those of integers have to be installed. `torch_model` runs the same graphs
exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import singledispatch
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from lic.entropy_coding import LOGIT_UNIT, MEAN_UNIT
from lic.integer_networks import Graph
from lic.integer_networks import layers as kinds
from lic.integer_networks.fixed_point import GAIN_BITS, LARGEST, RESCALE_BITS
from lic.integer_networks.reference import addends, factors
from lic.models.mixture import LOG_SCALE_MIN, LOG_SCALE_STEP, Mixture

# Scale indices of a graph's raw outputs are in 1/256.
_INDEX_UNIT = 1 / 256

Step = Callable[..., Any]
"""What a layer makes of its sources (B, C, h, w)."""


class RelaxedGraph:
    """A graph at a quality, 0 to 10000, as a function with gradients.

    Values are float32, (B, C, h, w), and in the units of the integers; the sides are as for
    `lic.integer_networks.reference.run`. A mixture is in quantization steps.
    """

    def __init__(self, graph: Graph, quality: int) -> None:
        self._graph = graph
        self._steps = [_relaxed(layer, quality) for layer in graph.layers]

    def __call__(self, *inputs: Tensor) -> Any:
        """The graph's output."""
        given = iter(inputs)
        values: list[Any] = []
        for layer, step in zip(self._graph.layers, self._steps, strict=True):
            sources = [values[source] for source in layer.sources]
            values.append(step(*sources) if sources else next(given))
        return values[self._graph.outputs[0]]


def gained(values: Tensor, multipliers: NDArray[np.int64]) -> Tensor:
    """`lic.integer_networks.fixed_point.apply_gain` of values (B, C, h, w), not rounded."""
    return values * _tensor(multipliers * 2.0**-GAIN_BITS)[:, None, None]


def saturated(values: Tensor) -> Tensor:
    """Values limited to activations."""
    return values.clamp(-LARGEST, LARGEST)


def _tensor(array: NDArray[Any]) -> Tensor:
    return torch.from_numpy(np.asarray(array, np.float32))


@singledispatch
def _relaxed(layer: Any, quality: int) -> Step:
    """The function of a layer."""
    raise TypeError(f"no layer: {layer!r}")


@_relaxed.register
def _(layer: kinds.Input, quality: int) -> Step:
    return saturated  # never called: an input has no sources


@_relaxed.register
def _(layer: kinds.Convolution, quality: int) -> Step:
    scale, bias = _folded(layer, quality)
    weights = _tensor(layer.weights * scale[:, None])[..., None, None]
    return lambda x: F.conv2d(x, weights, bias).clamp(layer.low, layer.high)


@_relaxed.register
def _(layer: kinds.Depthwise, quality: int) -> Step:
    scale, bias = _folded(layer, quality)
    weights = _tensor((layer.weights * scale).transpose(2, 0, 1))[:, None]
    options = {"padding": layer.reach, "groups": len(weights)}
    return lambda x: F.conv2d(x, weights, bias, **options).clamp(layer.low, layer.high)


def _folded(
    layer: kinds.Convolution | kinds.Depthwise, quality: int
) -> tuple[NDArray[np.float64], Tensor]:
    """What each channel's weights are multiplied by, and its bias."""
    scale = factors(layer.multiplier, quality) * 2.0**-RESCALE_BITS
    return scale, _tensor(layer.bias * scale + addends(layer.multiplier, quality))


@_relaxed.register
def _(layer: kinds.HardSwish, quality: int) -> Step:
    return lambda x: _gated(x, x, layer)


@_relaxed.register
def _(layer: kinds.Gate, quality: int) -> Step:

    def gate(x: Tensor) -> Tensor:
        value, opening = x.chunk(2, dim=1)
        return _gated(value, opening, layer)

    return gate


def _gated(value: Tensor, gate: Tensor, layer: kinds.HardSwish | kinds.Gate) -> Tensor:
    opened = (gate + layer.three).clamp(0, 2 * layer.three)
    return saturated(value * opened * (layer.multiplier * 2.0**-RESCALE_BITS))


@_relaxed.register
def _(layer: kinds.Add, quality: int) -> Step:
    return lambda a, b: saturated(a + b)


@_relaxed.register
def _(layer: kinds.Gain, quality: int) -> Step:
    multipliers = factors(layer.multiplier, quality)
    return lambda x: gained(x, multipliers).clamp(layer.low, layer.high)


@_relaxed.register
def _(layer: kinds.Concatenation, quality: int) -> Step:
    return lambda *sources: torch.cat(sources, dim=1)


@_relaxed.register
def _(layer: kinds.Unshuffle, quality: int) -> Step:
    n = layer.factor
    return lambda x: (
        x.unflatten(3, (-1, n)).unflatten(2, (-1, n)).permute(0, 3, 5, 1, 2, 4).flatten(1, 3)
    )


@_relaxed.register
def _(layer: kinds.Shuffle, quality: int) -> Step:
    n = layer.factor
    return lambda x: (
        x.unflatten(1, (n, n, -1)).permute(0, 3, 4, 1, 5, 2).flatten(4, 5).flatten(2, 3)
    )


@_relaxed.register
def _(layer: kinds.Subsample, quality: int) -> Step:
    return lambda x: x[:, :, layer.row :: 2, layer.column :: 2]


@_relaxed.register
def _(layer: kinds.Mixture, quality: int) -> Step:
    count = layer.components

    def mixture(*sources: Tensor) -> Mixture:
        parts = [x.reshape(len(x), layer.parts, -1, *x.shape[2:]) for x in sources]
        raw = torch.cat(parts, dim=2)
        first = torch.zeros_like(raw[:, :1])
        means = torch.cat((first, raw[:, 1 + count : 2 * count]), dim=1)
        logits = torch.cat((first, raw[:, 2 * count :]), dim=1)
        indices = (raw[:, 1 : 1 + count] * _INDEX_UNIT).clamp(0, 255)
        return Mixture(
            centre=raw[:, 0] * MEAN_UNIT,
            offsets=means * MEAN_UNIT,
            log_scales=LOG_SCALE_MIN + LOG_SCALE_STEP * indices,
            logits=logits * LOGIT_UNIT,
        )

    return mixture
