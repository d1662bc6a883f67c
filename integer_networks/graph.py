"""Graphs of integer layers: checked when they are made, so that running them is exact.

A `Graph` is a list of layers, each of which names its sources by their places in the list. Making
one proves that no accumulator can overflow and that all shapes fit (`layers`), or raises
`GraphError`. What a graph can make executors allocate is bounded, too: its channels are counted
here, and `density` tells those who know how large inputs are what it holds for each place of one.
`reference` runs a graph, slowly and readably; `native` does so fast.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .errors import GraphError
from .layers import Add, Concatenation, Depthwise, Input, Layer, Mixture
from .values import Value

MAXIMUM_LAYERS = 1024
# Of all layers' values together: what is kept by channel, here and by executors.
MAXIMUM_TOTAL_CHANNELS = 2**17
_RESOLUTIONS = (Fraction(1, 4096), Fraction(64))
# How many sources a layer has, at least and at most; all others have one.
_SOURCES: dict[type, tuple[int, int]] = {
    Input: (0, 0),
    Add: (2, 2),
    Concatenation: (1, 16),
    Mixture: (1, 16),
}


class MixtureArrays(NamedTuple):
    """What a `Mixture` gives for n latents a picture, in order (row, column, channel).

    Its arrays are those of `lic.entropy_coding.MixtureParameters`, and the centres.
    """

    centres: NDArray[np.int32]
    """(B, h, w, M), in 1/64 of a quantization step."""
    logits: NDArray[np.int8]
    """(B, K, h, w, M)."""
    means: NDArray[np.int16]
    """(B, K, h, w, M)."""
    scales: NDArray[np.uint8]
    """(B, K, h, w, M)."""


Result = NDArray[np.int16] | NDArray[np.int32] | MixtureArrays
"""An output: int16 where its limits are of 16 bits, int32 beyond, or a mixture."""


@dataclass(frozen=True, eq=False)
class Graph:
    """Layers in the order in which they run, and which of them are outputs.

    Raises
    ------
    GraphError
        If it cannot be run exactly.
    """

    layers: tuple[Layer, ...]
    outputs: tuple[int, ...]
    values: tuple[Value, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not 0 < len(self.layers) <= MAXIMUM_LAYERS:
            raise GraphError("a graph must have 1 to 1024 layers")
        values: list[Value] = []
        channels = 0
        for place, layer in enumerate(self.layers):
            few, many = _SOURCES.get(type(layer), (1, 1))
            if not few <= len(layer.sources) <= many:
                raise GraphError("a layer has a wrong number of sources")
            if not all(0 <= source < place for source in layer.sources):
                raise GraphError("a layer's source does not come before it")
            value = layer.value([values[source] for source in layer.sources])
            if not _RESOLUTIONS[0] <= value.resolution <= _RESOLUTIONS[1]:
                raise GraphError("a value's resolution is out of range")
            channels += value.channels
            if channels > MAXIMUM_TOTAL_CHANNELS:
                raise GraphError("a graph's values have too many channels together")
            values.append(value)
        used = {source for layer in self.layers for source in layer.sources}
        if any(isinstance(self.layers[place], Mixture) for place in used):
            raise GraphError("a mixture can only be an output")
        if not self.outputs or not all(0 <= place < len(values) for place in self.outputs):
            raise GraphError("a graph's outputs are wrong")
        object.__setattr__(self, "values", tuple(values))

    @property
    def inputs(self) -> tuple[Input, ...]:
        """The inputs, in the order in which an executor takes them."""
        return tuple(layer for layer in self.layers if isinstance(layer, Input))

    @property
    def unit(self) -> int:
        """What the sides of inputs of resolution 1 must be multiples of."""
        return math.lcm(*(value.resolution.denominator for value in self.values))

    @property
    def density(self) -> Fraction:
        """How many numbers all values together have for each place of an input of resolution 1."""
        return sum((v.channels * v.resolution**2 for v in self.values), Fraction(0))

    @property
    def reach(self) -> Fraction:
        """How far beyond a place of an input of resolution 1 the outputs see, in its units.

        The depthwise convolutions' reaches on the way from inputs to outputs add up.
        """
        reaches: list[Fraction] = []
        for layer, value in zip(self.layers, self.values, strict=True):
            before = max((reaches[source] for source in layer.sources), default=Fraction(0))
            own = layer.reach / value.resolution if isinstance(layer, Depthwise) else Fraction(0)
            reaches.append(before + own)
        return max(reaches[place] for place in self.outputs)

    def check_inputs(self, inputs: tuple[NDArray[np.int16], ...]) -> tuple[int, int, int]:
        """Batch, height and width at resolution 1 of the inputs of a run.

        Raises
        ------
        ValueError
            If their types, shapes or values do not fit.
        """
        if len(inputs) != len(self.inputs):
            raise ValueError(f"the graph has {len(self.inputs)} inputs, not {len(inputs)}")
        sizes = set()
        for layer, array in zip(self.inputs, inputs, strict=True):
            if array.dtype != np.int16 or array.ndim != 4 or array.shape[3] != layer.channels:
                raise ValueError(f"{layer.name} must be int16 (B, h, w, {layer.channels})")
            if array.size == 0:
                raise ValueError(f"{layer.name} is empty")
            if array.min() < layer.low or array.max() > layer.high:
                raise ValueError(f"{layer.name} exceeds its bounds")
            batch, height, width, _ = array.shape
            sizes.add((batch, height * layer.divisor, width * layer.divisor))
        if len(sizes) != 1:
            raise ValueError("the inputs' sizes differ")
        size = sizes.pop()
        if size[1] % self.unit or size[2] % self.unit:
            raise ValueError(f"the sides must be multiples of {self.unit}")
        return size
