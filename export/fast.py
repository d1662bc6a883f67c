"""The transforms as ONNX models of floats, for runtimes that are fast at these.

They compute what the integers stand for, in float32 and without rounding between layers; what a
number is in integers is divided by the calibrated maximum. With ``int8``, what convolutions read
and their weights are quantized to 8 bits, by explicit pairs of QuantizeLinear and DequantizeLinear
as TensorRT and ONNX Runtime expect them: symmetric, one scale for a value, one for each output
channel of weights. Inside, arrays have the axes (batch, channels, height, width).

Such an analysis may make a file, since an encoder may choose any latents. Such a synthesis shows
nearly the same pixels.
"""

from __future__ import annotations

from functools import singledispatchmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lic.codec.executors.onnx_model import QUALITY, OnnxModel
from lic.export.parts import PICTURE, PLANE
from lic.integer_networks import Graph
from lic.integer_networks import layers as kinds
from lic.integer_networks.codec_network import CodecNetwork
from lic.integer_networks.fixed_point import (
    GAIN_BITS,
    LARGEST,
    LOG_BITS,
    QUALITY_STEPS,
    RESCALE_BITS,
)
from lic.integer_networks.limits import LIMIT, within_calibration
from lic.integer_networks.values import Multiplier, Value

_Reals = NDArray[np.float64]
_BYTE = 127


def fast_models(network: CodecNetwork, *, int8: bool) -> dict[str, OnnxModel]:
    """The models `analysis` and `synthesis`, with the inputs and outputs of the exact ones."""
    latent_plane = (*PLANE, network.latents)
    analysis, synthesis = OnnxModel(), OnnxModel()
    for model in (analysis, synthesis):
        model.quality()
    pixels = _real(analysis, analysis.input("pixels", np.uint8, PICTURE))
    centred = analysis.op("Sub", _scaled(analysis, pixels, 2), _constant(analysis, 255))
    graph = within_calibration(network.analysis)
    latents = _Floats(analysis, graph, int8).run(_scaled(analysis, centred, 1 / LIMIT))
    analysis.output("latents", _integers(analysis, latents, LARGEST), np.int16, latent_plane)
    latents = _real(synthesis, synthesis.input("latents", np.int16, latent_plane))
    graph = network.synthesis
    pixels = _Floats(synthesis, graph, int8).run(_scaled(synthesis, latents, 1 / LIMIT))
    synthesis.output("pixels", _integers(synthesis, pixels, 255), np.uint8, PICTURE)
    return {"analysis": analysis, "synthesis": synthesis}


def _constant(model: OnnxModel, values: Any) -> str:
    return model.constant(values, np.float32)


def _scaled(model: OnnxModel, value: str, factor: float) -> str:
    return model.op("Mul", value, _constant(model, factor))


def _real(model: OnnxModel, value: str) -> str:
    """Integers with the channels last, as floats with the channels first."""
    return model.transpose(model.cast(value, np.float32), 0, 3, 1, 2)


def _integers(model: OnnxModel, value: str, most: int) -> str:
    """The inverse of `_real`, up to the cast: rounded and limited."""
    rounded = model.op("Round", _scaled(model, value, LIMIT))
    least = -most if most == LARGEST else 0
    limits = (_constant(model, least), _constant(model, most))
    return model.transpose(model.op("Clip", rounded, *limits), 0, 2, 3, 1)


def _column(values: Any) -> _Reals:
    """Numbers by channel, to meet an array with the channels first."""
    return np.asarray(values, np.float64).reshape(-1, 1, 1)


def _in_branches(graph: Graph) -> set[kinds.Layer]:
    """The layers whose results reach the rest of a graph by additions to a residual stream only."""
    before: list[set[int]] = []
    found: set[int] = set()
    for place, layer in enumerate(graph.layers):
        before.append({place}.union(*(before[source] for source in layer.sources)))
        if isinstance(layer, kinds.Add):
            stream, branch = (before[source] for source in layer.sources)
            found |= branch - stream
    return {graph.layers[place] for place in found}


class _Floats:
    """A graph on its way into a model; 1 stands for the calibrated maximum."""

    def __init__(self, model: OnnxModel, graph: Graph, int8: bool) -> None:
        self._model, self._graph = model, graph
        self._int8 = _in_branches(graph) if int8 else set()

    def run(self, value: str) -> str:
        """The only output of the graph, for its only input."""
        values: list[str] = []
        for layer in self._graph.layers:
            if isinstance(layer, kinds.Input):
                values.append(value)
            else:
                values.append(self._put(layer, [values[source] for source in layer.sources]))
        return values[self._graph.outputs[0]]

    @singledispatchmethod
    def _put(self, layer: Any, sources: list[str]) -> str:
        raise TypeError(f"no layer of a transform: {layer!r}")

    @_put.register
    def _(self, layer: kinds.Convolution, sources: list[str]) -> str:
        return self._convolved(layer, layer.weights[:, :, None, None], sources[0], 1)

    @_put.register
    def _(self, layer: kinds.Depthwise, sources: list[str]) -> str:
        weights = np.moveaxis(layer.weights, 2, 0)[:, None]
        return self._convolved(layer, weights, sources[0], len(weights))

    def _convolved(
        self,
        layer: kinds.Convolution | kinds.Depthwise,
        weights: NDArray[Any],
        source: str,
        groups: int,
    ) -> str:
        """A convolution by integers (C_out, C_in / groups, k, k)."""
        model, multiplier = self._model, layer.multiplier
        # Factors by quality are relative to those of the last level, which the weights have.
        table = multiplier.logarithms
        last = multiplier.fixed if table is None else 2.0 ** (table[-1] / 2**LOG_BITS)
        factors = np.asarray(last, np.float64) / 2.0**RESCALE_BITS
        scaled = weights * factors[:, None, None, None]
        bias = layer.bias * factors / LIMIT
        int8 = layer in self._int8
        if int8:
            source = self._quantized(source, self._graph.values[layer.sources[0]])
        inputs = [source, self._weights(scaled, int8)]
        if table is None:
            inputs.append(_constant(model, bias))
        result = model.op("Conv", *inputs, group=groups, pads=[weights.shape[-1] // 2] * 4)
        if table is not None:
            result = model.op("Add", result, _constant(model, _column(bias)))
            result = model.op("Mul", result, self._powers(table, table[-1] / 2**LOG_BITS))
        if multiplier.offsets is not None:
            addends = _scaled(model, self._at_quality(multiplier.offsets), 1 / LIMIT)
            result = model.op("Add", result, addends)
        return self._limited(result, layer.low, layer.high)

    def _quantized(self, value: str, known: Value) -> str:
        """A value rounded to 8 bits; what is beyond the calibrated maximum saturates."""
        most = min(max(-known.low.min(), known.high.max(), 1), LIMIT)
        step = _constant(self._model, most / LIMIT / _BYTE)
        zero = self._model.constant(0, np.int8)
        rounded = self._model.op("QuantizeLinear", value, step, zero)
        return self._model.op("DequantizeLinear", rounded, step, zero)

    def _weights(self, weights: _Reals, int8: bool) -> str:
        if not int8:
            return _constant(self._model, weights)
        # A channel of zeros takes any scale.
        most = np.abs(weights).max(axis=(1, 2, 3)) / _BYTE
        steps = np.where(most == 0, 1, most)
        rounded = np.rint(weights / steps[:, None, None, None])
        constants = (
            self._model.constant(rounded, np.int8),
            _constant(self._model, steps),
            self._model.constant(np.zeros(len(steps)), np.int8),
        )
        return self._model.op("DequantizeLinear", *constants, axis=0)

    def _limited(self, value: str, low: int, high: int) -> str:
        """A value within limits; those of 16 bits are for integers alone."""
        if (low, high) == (-LARGEST, LARGEST):
            return value
        if (low, high) == (0, LARGEST):
            return self._model.op("Relu", value)
        limits = (_constant(self._model, limit / LIMIT) for limit in (low, high))
        return self._model.op("Clip", value, *limits)

    def _at_quality(self, table: NDArray[np.int32]) -> str:
        """A table (levels, C) at the quality, (1, C, 1, 1)."""
        model, last = self._model, table.shape[0] - 1
        quality = model.cast(QUALITY, np.float32)
        position = _scaled(model, quality, last / QUALITY_STEPS)
        low = model.op("Min", model.op("Floor", position), _constant(model, max(last - 1, 0)))
        upper = model.op("Sub", position, low)
        level = model.cast(low, np.int64)
        levels = _constant(model, table)
        steps = _constant(model, np.diff(table, axis=0, append=table[-1:]))
        step = model.op("Mul", model.op("Gather", steps, level), upper)
        mixed = model.op("Add", model.op("Gather", levels, level), step)
        return model.reshape(mixed, 1, -1, 1, 1)

    def _powers(self, table: NDArray[np.int32], exponent: Any) -> str:
        """2**(logarithms at the quality - exponent), (1, C, 1, 1)."""
        logarithms = _scaled(self._model, self._at_quality(table), 2.0**-LOG_BITS)
        relative = self._model.op("Sub", logarithms, _constant(self._model, _column(exponent)))
        return self._model.op("Pow", _constant(self._model, 2), relative)

    def _gated(self, layer: kinds.HardSwish | kinds.Gate, value: str, gate: str) -> str:
        model, three = self._model, layer.three / LIMIT
        limits = (_constant(model, limit) for limit in (0, 2 * three))
        opened = model.op("Clip", model.op("Add", gate, _constant(model, three)), *limits)
        factor = layer.multiplier * LIMIT / 2.0**RESCALE_BITS
        return model.op("Mul", value, _scaled(model, opened, factor))

    @_put.register
    def _(self, layer: kinds.HardSwish, sources: list[str]) -> str:
        return self._gated(layer, sources[0], sources[0])

    @_put.register
    def _(self, layer: kinds.Gate, sources: list[str]) -> str:
        half = self._graph.values[layer.sources[0]].channels // 2
        halves = self._model.constant((half, half), np.int64)
        return self._gated(layer, *self._model.ops("Split", 2, sources[0], halves, axis=1))

    @_put.register
    def _(self, layer: kinds.Add, sources: list[str]) -> str:
        return self._model.op("Add", *sources)

    @_put.register
    def _(self, layer: kinds.Gain, sources: list[str]) -> str:
        multiplier: Multiplier = layer.multiplier
        if multiplier.fixed is not None:
            factors = _constant(self._model, _column(multiplier.fixed / 2.0**GAIN_BITS))
        else:
            assert multiplier.logarithms is not None
            factors = self._powers(multiplier.logarithms, GAIN_BITS)
        gained = self._model.op("Mul", sources[0], factors)
        return self._limited(gained, layer.low, layer.high)

    @_put.register
    def _(self, layer: kinds.Concatenation, sources: list[str]) -> str:
        return self._model.op("Concat", *sources, axis=1)

    @_put.register
    def _(self, layer: kinds.Unshuffle, sources: list[str]) -> str:
        return self._model.op("SpaceToDepth", sources[0], blocksize=layer.factor)

    @_put.register
    def _(self, layer: kinds.Shuffle, sources: list[str]) -> str:
        return self._model.op("DepthToSpace", sources[0], blocksize=layer.factor, mode="DCR")

    @_put.register
    def _(self, layer: kinds.Subsample, sources: list[str]) -> str:
        places = (layer.row, layer.column)
        return self._model.slice(sources[0], (2, 3), places, [2**31 - 1] * 2, 2)
