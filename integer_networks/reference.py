"""Integer networks in NumPy: slow, readable, and by definition right.

`run` defines what a graph computes; every other executor must give the same integers. Values are
arrays (batch, height, width, channels).
"""

from __future__ import annotations

from functools import singledispatch
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import layers as kinds
from .fixed_point import Wide, apply_gain, at_quality, exp2, rescale, saturate
from .graph import Graph, MixtureArrays, Result
from .values import Multiplier


def factors(multiplier: Multiplier, quality: int) -> Wide:
    """The factor of each channel (C,) at a quality from 0 to 10000."""
    if multiplier.fixed is not None:
        return multiplier.fixed.astype(np.int64)
    assert multiplier.logarithms is not None
    return exp2(at_quality(multiplier.logarithms, quality))


def addends(multiplier: Multiplier, quality: int) -> Wide | int:
    """What is added to each rescaled channel (C,) at a quality."""
    return 0 if multiplier.offsets is None else at_quality(multiplier.offsets, quality)


def run(graph: Graph, inputs: tuple[NDArray[np.int16], ...], quality: int) -> tuple[Result, ...]:
    """The outputs of a graph for its inputs (B, h, w, C) at a quality from 0 to 10000.

    Raises
    ------
    ValueError
        If an input does not fit.
    """
    graph.check_inputs(inputs)
    given = iter(inputs)
    values: list[Any] = []
    for layer in graph.layers:
        if isinstance(layer, kinds.Input):
            values.append(next(given).astype(np.int64))
        else:
            values.append(compute(layer, [values[source] for source in layer.sources], quality))
    return tuple(_result(graph, place, values[place]) for place in graph.outputs)


def _result(graph: Graph, place: int, value: Any) -> Result:
    if isinstance(value, MixtureArrays):
        return value
    result: Result = value.astype(np.int16 if graph.values[place].narrow else np.int32)
    return result


@singledispatch
def compute(layer: Any, sources: list[Wide], quality: int) -> Any:
    """What one layer makes of its sources."""
    raise TypeError(f"no layer: {layer!r}")


@compute.register
def _(layer: kinds.Convolution, sources: list[Wide], quality: int) -> Wide:
    # Doubles hold all these sums exactly, and NumPy multiplies their matrices fast.
    product = sources[0].astype(np.float64) @ layer.weights.T.astype(np.float64)
    return _finish(layer, product.astype(np.int64) + layer.bias, quality)


@compute.register
def _(layer: kinds.Depthwise, sources: list[Wide], quality: int) -> Wide:
    reach = layer.reach
    height, width = sources[0].shape[1:3]
    framed = np.pad(sources[0], ((0, 0), (reach, reach), (reach, reach), (0, 0)))
    total = np.zeros_like(sources[0]) + layer.bias
    for row in range(2 * reach + 1):
        for column in range(2 * reach + 1):
            window = framed[:, row : row + height, column : column + width]
            total += window * layer.weights[row, column].astype(np.int64)
    return _finish(layer, total, quality)


def _finish(layer: kinds.Convolution | kinds.Depthwise, total: Wide, quality: int) -> Wide:
    scaled = rescale(total, factors(layer.multiplier, quality))
    return saturate(scaled + addends(layer.multiplier, quality), layer.low, layer.high)


def _gated(value: Wide, gate: Wide, three: int, multiplier: int) -> Wide:
    opened = np.clip(gate + three, 0, 2 * three)
    return saturate(rescale(value * opened, np.array(multiplier)))


@compute.register
def _(layer: kinds.HardSwish, sources: list[Wide], quality: int) -> Wide:
    return _gated(sources[0], sources[0], layer.three, layer.multiplier)


@compute.register
def _(layer: kinds.Gate, sources: list[Wide], quality: int) -> Wide:
    value, gate = np.split(sources[0], 2, axis=3)
    return _gated(value, gate, layer.three, layer.multiplier)


@compute.register
def _(layer: kinds.Add, sources: list[Wide], quality: int) -> Wide:
    return saturate(sources[0] + sources[1])


@compute.register
def _(layer: kinds.Gain, sources: list[Wide], quality: int) -> Wide:
    gained = apply_gain(sources[0], factors(layer.multiplier, quality))
    return saturate(gained, layer.low, layer.high)


@compute.register
def _(layer: kinds.Concatenation, sources: list[Wide], quality: int) -> Wide:
    return np.concatenate(sources, axis=3)


@compute.register
def _(layer: kinds.Unshuffle, sources: list[Wide], quality: int) -> Wide:
    batch, height, width, channels = sources[0].shape
    n = layer.factor
    cells = sources[0].reshape(batch, height // n, n, width // n, n, channels)
    return cells.transpose(0, 1, 3, 2, 4, 5).reshape(batch, height // n, width // n, -1)


@compute.register
def _(layer: kinds.Shuffle, sources: list[Wide], quality: int) -> Wide:
    batch, height, width, _ = sources[0].shape
    n = layer.factor
    cells = sources[0].reshape(batch, height, width, n, n, -1)
    return cells.transpose(0, 1, 3, 2, 4, 5).reshape(batch, height * n, width * n, -1)


@compute.register
def _(layer: kinds.Subsample, sources: list[Wide], quality: int) -> Wide:
    return sources[0][:, layer.row :: 2, layer.column :: 2]


@compute.register
def _(layer: kinds.Mixture, sources: list[Wide], quality: int) -> MixtureArrays:
    parts = [source.reshape(*source.shape[:3], layer.parts, -1) for source in sources]
    raw = np.moveaxis(np.concatenate(parts, axis=4), 3, 1)  # (B, parts, h, w, M)
    count = layer.components
    first = np.zeros_like(raw[:, :1])
    means = np.concatenate((first, raw[:, 1 + count : 2 * count]), axis=1)
    logits = np.concatenate((first, raw[:, 2 * count :]), axis=1)
    logits = 127 + logits - logits.max(axis=1, keepdims=True)
    return MixtureArrays(
        raw[:, 0].astype(np.int32),
        np.clip(logits, -128, 127).astype(np.int8),
        np.clip(means, -32768, 32767).astype(np.int16),
        np.clip((raw[:, 1 : 1 + count] + 128) >> 8, 0, 255).astype(np.uint8),
    )
