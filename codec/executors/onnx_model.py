"""Graphs of integers as ONNX models that compute the same integers, to the last bit.

Values are float64 between the layers: doubles hold every sum of a graph exactly, whatever the order
of its terms. Where a product with a multiplier could need more than 53 bits, it is taken in two
pieces, or is certain to be beyond the layer's limits. Factors by quality are computed in int64 from
their tables, so that quality is an input. Only operators that every runtime has are used, and no
convolution of a library, which may compute in ways that round. Arrays have the axes (batch, height,
width, channels); all but the last are free.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import singledispatch
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

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
from lic.integer_networks.values import Multiplier

OPSET = 17
IR_VERSION = 8
QUALITY = "quality"
"""The name of the input (1,), int64, 0 to 10000."""
MIXTURE = {"centres": np.int32, "logits": np.int8, "means": np.int16, "scales": np.uint8}
"""The arrays of a mixture and their types, as in `lic.integer_networks.MixtureArrays`."""
# Half of a multiplier of 31 bits.
_PIECE = 16
# A double holds multiples of 2**-31 exactly below this.
_EXACT = 2 ** (53 - RESCALE_BITS)
# Added to addends by quality while they are divided, so that none is negative.
_SHIFT = 2**31

Axis = int | str | None


class OnnxModel:
    """A model in the making; operators return the names of their results."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._initializers: list[onnx.TensorProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []

    def input(self, name: str, dtype: Any, shape: Sequence[Axis]) -> str:
        """An input of the model; names stand for free axes."""
        self._inputs.append(_info(name, dtype, shape))
        return name

    def quality(self) -> str:
        """The input that all models have."""
        return self.input(QUALITY, np.int64, (1,))

    def output(self, name: str, value: str, dtype: Any, shape: Sequence[Axis]) -> None:
        """Make a value an output of the model, as the given type."""
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        self._nodes.append(helper.make_node("Cast", [value], [name], to=kind))
        self._outputs.append(_info(name, dtype, shape))

    def op(self, kind: str, *sources: str, **attributes: Any) -> str:
        """The result of an operator."""
        return self.ops(kind, 1, *sources, **attributes)[0]

    def ops(self, kind: str, count: int, *sources: str, **attributes: Any) -> list[str]:
        """The ``count`` results of an operator."""
        names = [f"{kind}_{len(self._nodes)}_{number}" for number in range(count)]
        self._nodes.append(helper.make_node(kind, sources, names, **attributes))
        return names

    def constant(self, values: Any, dtype: Any = np.float64) -> str:
        """A constant; equal ones are kept once."""
        array = np.array(values, dtype, order="C")
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._constants:
            self._constants[key] = f"constant_{len(self._constants)}"
            self._initializers.append(numpy_helper.from_array(array, self._constants[key]))
        return self._constants[key]

    def stored(self, values: NDArray[Any]) -> str:
        """A constant that is stored as the integers that it is, and used as float64."""
        return self.cast(self.constant(values, values.dtype), np.float64)

    def cast(self, value: str, dtype: Any) -> str:
        """A value as another type."""
        return self.op("Cast", value, to=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def reshape(self, value: str, *shape: int) -> str:
        """A value of another shape: 0 keeps an axis, -1 takes what is left."""
        return self.op("Reshape", value, self.constant(shape, np.int64))

    def transpose(self, value: str, *axes: int) -> str:
        """A value with its axes in another order."""
        return self.op("Transpose", value, perm=axes)

    def slice(
        self, value: str, axes: Sequence[int], starts: Sequence[int], ends: Sequence[int], step: int
    ) -> str:
        """A part of a value; an end may lie beyond that of the axis."""
        places = (starts, ends, axes, [step] * len(axes))
        return self.op("Slice", value, *(self.constant(list(p), np.int64) for p in places))

    def clip(self, value: str, low: int, high: int) -> str:
        """A value, limited."""
        return self.op("Clip", value, self.constant(low), self.constant(high))

    def floored(self, value: str, divisor: int) -> str:
        """A value / divisor, a power of two, rounded down."""
        return self.op("Floor", self.op("Mul", value, self.constant(1 / divisor)))

    def rounded(self, value: str) -> str:
        """A value, rounded half up."""
        return self.op("Floor", self.op("Add", value, self.constant(0.5)))

    def unshuffle(self, value: str, factor: int, channels: int) -> str:
        """Cells of factor x factor places, folded into so many channels."""
        # Columns come first, then rows, each as the last of the axes that are free.
        columns = self.reshape(value, 0, 0, -1, channels // factor)
        rows = self.reshape(self.transpose(columns, 0, 2, 1, 3), 0, 0, -1, channels)
        return self.transpose(rows, 0, 2, 1, 3)

    def shuffle(self, value: str, factor: int, channels: int) -> str:
        """The inverse of `unshuffle`."""
        rows = self.reshape(self.transpose(value, 0, 2, 1, 3), 0, 0, -1, factor * channels)
        return self.reshape(self.transpose(rows, 0, 2, 1, 3), 0, 0, -1, channels)

    def gained(self, value: str, factors: str) -> str:
        """A value times gains in 1/2**GAIN_BITS, rounded half up.

        Exact below 2**33; what is beyond stays beyond.
        """
        factors = self.cast(factors, np.float64)
        scaled = self.op("Mul", factors, self.constant(2.0**-GAIN_BITS))
        return self.rounded(self.op("Mul", value, scaled))

    def factors(self, multiplier: Multiplier) -> str:
        """The factor of each channel as int64, (C,) or (1, C)."""
        if multiplier.fixed is not None:
            return self.constant(multiplier.fixed, np.int64)
        assert multiplier.logarithms is not None
        return self._exp2(multiplier.logarithms)

    def _exp2(self, table: NDArray[np.int32]) -> str:
        """`lic.integer_networks.fixed_point.exp2` of a table at the quality, (1, C), int64."""
        logarithms = self.at_quality(table)
        one = self.constant(1 << LOG_BITS, np.int64)
        whole = self.op("Div", logarithms, one)
        fraction = self.op("Sub", logarithms, self.op("Mul", whole, one))
        power = self.constant(EXP2_COEFFICIENTS[-1], np.int64)
        for coefficient in EXP2_COEFFICIENTS[-2::-1]:
            product = self.op("Div", self.op("Mul", power, fraction), one)
            power = self.op("Add", product, self.constant(coefficient, np.int64))
        # 2**(31 - whole), by which twice the power is divided, and half of it.
        divisors = [2 ** (31 - exponent) for exponent in range(31)]
        divisor = self.op("Gather", self.constant(divisors, np.int64), whole)
        half = self.op("Gather", self.constant([d // 2 for d in divisors], np.int64), whole)
        doubled = self.op("Add", self.op("Add", power, power), half)
        limit = self.constant(MULTIPLIER_LIMIT, np.int64)
        return self.op("Min", self.op("Div", doubled, divisor), limit)

    def at_quality(self, table: NDArray[np.int32]) -> str:
        """`lic.integer_networks.fixed_point.at_quality`, (1, C), int64."""
        last = table.shape[0] - 1
        levels = self.constant(table, np.int64)
        steps = self.constant(QUALITY_STEPS, np.int64)
        position = self.op("Mul", QUALITY, self.constant(last, np.int64))
        most = self.constant(max(last - 1, 0), np.int64)
        level = self.op("Min", self.op("Div", position, steps), most)
        upper = self.op("Sub", position, self.op("Mul", level, steps))
        next_level = self.op("Add", level, self.constant(1, np.int64))
        next_level = self.op("Min", next_level, self.constant(last, np.int64))
        low, high = (self.op("Gather", levels, place) for place in (level, next_level))
        low = self.op("Mul", low, self.op("Sub", steps, upper))
        mixed = self.op("Add", low, self.op("Mul", high, upper))
        # Integers are divided towards zero.
        shifted = _SHIFT * QUALITY_STEPS + QUALITY_STEPS // 2
        mixed = self.op("Add", mixed, self.constant(shifted, np.int64))
        return self.op("Sub", self.op("Div", mixed, steps), self.constant(_SHIFT, np.int64))

    def to_proto(self, name: str, metadata: Mapping[str, str]) -> onnx.ModelProto:
        """The model, checked."""
        graph = helper.make_graph(
            self._nodes, name, self._inputs, self._outputs, self._initializers
        )
        model = helper.make_model(
            graph,
            producer_name="lic",
            ir_version=IR_VERSION,
            opset_imports=[helper.make_opsetid("", OPSET)],
        )
        helper.set_model_props(model, dict(metadata))
        onnx.checker.check_model(model, full_check=True)
        return model


def output_mixture(model: OnnxModel, arrays: Sequence[str], layer: kinds.Mixture, end: str) -> None:
    """Make the arrays of a mixture outputs, by the names in `MIXTURE` with an end."""
    plane: tuple[Axis, ...] = (None, None, None)
    for (name, dtype), array in zip(MIXTURE.items(), arrays, strict=True):
        parts = () if name == "centres" else (layer.components,)
        model.output(f"{name}{end}", array, dtype, ("batch", *parts, *plane))


def _info(name: str, dtype: Any, shape: Sequence[Axis]) -> onnx.ValueInfoProto:
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    return helper.make_tensor_value_info(name, kind, shape)


def put_graph(model: OnnxModel, graph: Graph, inputs: Sequence[str]) -> list[Any]:
    """Put a graph into a model; inputs and results are float64.

    A result is a name, or for a `Mixture` the four names of its arrays. The model must have the
    input `QUALITY`.
    """
    given = iter(inputs)
    values: list[Any] = []
    for layer in graph.layers:
        if isinstance(layer, kinds.Input):
            values.append(next(given))
        else:
            sources = [values[source] for source in layer.sources]
            values.append(_put(layer, model, sources, graph.values[len(values)].channels))
    return [values[place] for place in graph.outputs]


@singledispatch
def _put(layer: Any, model: OnnxModel, sources: list[str], channels: int) -> Any:
    """What one layer makes of its sources; it has so many channels."""
    raise TypeError(f"no layer: {layer!r}")


@_put.register
def _(layer: kinds.Convolution, model: OnnxModel, sources: list[str], channels: int) -> str:
    weights = model.stored(np.ascontiguousarray(layer.weights.T))
    return _finish(layer, model, model.op("MatMul", sources[0], weights))


@_put.register
def _(layer: kinds.Depthwise, model: OnnxModel, sources: list[str], channels: int) -> str:
    reach = layer.reach
    pads = model.constant((0, reach, reach, 0) * 2, np.int64)
    framed = model.op("Pad", sources[0], pads)
    total = ""
    for row in range(2 * reach + 1):
        for column in range(2 * reach + 1):
            # From the other end: -2 * reach + row is an index, and 0 would be none.
            ends = [place - 2 * reach or 2**31 - 1 for place in (row, column)]
            window = model.slice(framed, (1, 2), (row, column), ends, 1)
            product = model.op("Mul", window, model.stored(layer.weights[row, column]))
            total = model.op("Add", total, product) if total else product
    return _finish(layer, model, total)


def _finish(layer: kinds.Convolution | kinds.Depthwise, model: OnnxModel, total: str) -> str:
    """Sums, below 2**31 in magnitude, with the bias, rescaled and limited."""
    total = model.op("Add", total, model.stored(layer.bias))
    factors, offsets = model.factors(layer.multiplier), layer.multiplier.offsets
    most = 0 if offsets is None else int(np.abs(offsets.astype(np.int64)).max())
    if max(-layer.low, layer.high) + most < _EXACT - 1:
        # A product that a double does not hold is beyond the limits.
        scale = model.op("Mul", model.cast(factors, np.float64), model.constant(2.0**-RESCALE_BITS))
        result = model.rounded(model.op("Mul", total, scale))
    else:
        result = _rescaled_in_pieces(model, total, factors)
    if offsets is not None:
        result = model.op("Add", result, model.cast(model.at_quality(offsets), np.float64))
    return model.clip(result, layer.low, layer.high)


def _rescaled_in_pieces(model: OnnxModel, total: str, factors: str) -> str:
    """`lic.integer_networks.fixed_point.rescale`, whatever the sums: each piece is below 2**48."""
    piece = model.constant(2**_PIECE, np.int64)
    upper = model.op("Div", factors, piece)
    lower = model.op("Sub", factors, model.op("Mul", upper, piece))
    upper, lower = (model.cast(part, np.float64) for part in (upper, lower))
    half = model.constant(2 ** (RESCALE_BITS - 1))
    low = model.floored(model.op("Add", model.op("Mul", total, lower), half), 2**_PIECE)
    product = model.op("Add", model.op("Mul", total, upper), low)
    return model.floored(product, 2 ** (RESCALE_BITS - _PIECE))


def _gated(layer: kinds.HardSwish | kinds.Gate, model: OnnxModel, value: str, gate: str) -> str:
    opened = model.op("Add", gate, model.constant(layer.three))
    product = model.op("Mul", value, model.clip(opened, 0, 2 * layer.three))
    scaled = model.op("Mul", product, model.constant(layer.multiplier * 2.0**-RESCALE_BITS))
    return model.clip(model.rounded(scaled), -LARGEST, LARGEST)


@_put.register
def _(layer: kinds.HardSwish, model: OnnxModel, sources: list[str], channels: int) -> str:
    return _gated(layer, model, sources[0], sources[0])


@_put.register
def _(layer: kinds.Gate, model: OnnxModel, sources: list[str], channels: int) -> str:
    halves = model.constant((channels, channels), np.int64)
    value, gate = model.ops("Split", 2, sources[0], halves, axis=3)
    return _gated(layer, model, value, gate)


@_put.register
def _(layer: kinds.Add, model: OnnxModel, sources: list[str], channels: int) -> str:
    return model.clip(model.op("Add", *sources), -LARGEST, LARGEST)


@_put.register
def _(layer: kinds.Gain, model: OnnxModel, sources: list[str], channels: int) -> str:
    gained = model.gained(sources[0], model.factors(layer.multiplier))
    return model.clip(gained, layer.low, layer.high)


@_put.register
def _(layer: kinds.Concatenation, model: OnnxModel, sources: list[str], channels: int) -> str:
    return model.op("Concat", *sources, axis=3)


@_put.register
def _(layer: kinds.Unshuffle, model: OnnxModel, sources: list[str], channels: int) -> str:
    return model.unshuffle(sources[0], layer.factor, channels)


@_put.register
def _(layer: kinds.Shuffle, model: OnnxModel, sources: list[str], channels: int) -> str:
    return model.shuffle(sources[0], layer.factor, channels)


@_put.register
def _(layer: kinds.Subsample, model: OnnxModel, sources: list[str], channels: int) -> str:
    return model.slice(sources[0], (1, 2), (layer.row, layer.column), [2**31 - 1] * 2, 2)


@_put.register
def _(
    layer: kinds.Mixture, model: OnnxModel, sources: list[str], channels: int
) -> tuple[str, str, str, str]:
    parts = [model.reshape(source, 0, 0, 0, layer.parts, -1) for source in sources]
    raw = model.transpose(model.op("Concat", *parts, axis=4), 0, 3, 1, 2, 4)
    count = layer.components
    centres = model.slice(raw, (1,), (0,), (1,), 1)
    scales = model.slice(raw, (1,), (1,), (1 + count,), 1)
    scales = model.floored(model.op("Add", scales, model.constant(128)), 256)
    first = model.op("Sub", centres, centres)
    means = logits = first
    if count > 1:
        rest = model.slice(raw, (1,), (1 + count,), (2 * count,), 1)
        means = model.op("Concat", first, rest, axis=1)
        rest = model.slice(raw, (1,), (2 * count,), (layer.parts,), 1)
        logits = model.op("Concat", first, rest, axis=1)
    most = model.op("ReduceMax", logits, axes=[1], keepdims=1)
    logits = model.op("Sub", model.op("Add", logits, model.constant(127)), most)
    return (
        model.op("Squeeze", centres, model.constant((1,), np.int64)),
        model.clip(logits, -128, 127),
        model.clip(means, -32768, 32767),
        model.clip(scales, 0, 255),
    )
