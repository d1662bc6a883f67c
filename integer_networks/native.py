"""Integer networks in C++: the same integers as `reference`, at the speed of the machine.

Use `NativeGraph` to run a graph, and `reference` to read what it computes or to check this.
"""

from __future__ import annotations

import os
from functools import singledispatch
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _native
from . import layers as kinds
from .graph import Graph, MixtureArrays, Result
from .reference import addends, factors
from .values import Multiplier

_Scale = tuple[int, NDArray[np.int32], NDArray[np.int32]]


def instruction_sets() -> list[str]:
    """Return the instruction sets that this machine can run, the fastest first.

    All give the same integers. The first is used unless an argument or the environment variable
    ``LIC_ISA`` names another, which is an upper limit: avx512vnni, avx512, avxvnni, avx2,
    sse41, neon or scalar, the fastest first, on any machine.
    """
    return _native.instruction_sets()


class NativeGraph:
    """A graph, packed for an instruction set of this machine.

    Raises
    ------
    ValueError
        If the name of the instruction set is unknown.
    """

    def __init__(self, graph: Graph, *, isa: str | None = None, threads: int | None = None) -> None:
        """Pack a graph; ``isa`` limits the instruction set, for tests.

        Up to ``threads`` threads (unless given, ``LIC_THREADS`` of them, or all cores) run it.
        """
        chosen = _native.instruction_set(isa or os.environ.get("LIC_ISA", ""))
        self._graph = graph
        self._threads = max(threads or int(os.environ.get("LIC_THREADS") or os.cpu_count() or 1), 1)
        self._native = _native.Graph(chosen)
        for layer in graph.layers:
            _put(layer, self._native)
        self._computed = [p for p in graph.outputs if not isinstance(graph.layers[p], kinds.Input)]
        self._native.plan(self._computed)
        self._scales: tuple[int, list[_Scale]] | None = None

    def run(self, inputs: tuple[NDArray[np.int16], ...], quality: int) -> tuple[Result, ...]:
        """The outputs of the graph for its inputs (B, h, w, C) at a quality from 0 to 10000.

        Raises
        ------
        ValueError
            If an input does not fit.
        """
        batch, height, width = self._graph.check_inputs(inputs)
        given = [np.ascontiguousarray(array) for array in inputs]
        results: dict[int, Result] = {}
        for place in self._computed:
            side = self._graph.values[place].resolution
            results[place] = self._empty(place, (batch, int(height * side), int(width * side)))
        outputs = [
            (place, result if isinstance(result, MixtureArrays) else (result,))
            for place, result in results.items()
        ]
        self._native.run(given, self._scales_at(quality), outputs, self._threads)
        places = (p for p, layer in enumerate(self._graph.layers) if isinstance(layer, kinds.Input))
        results.update((p, array.copy()) for p, array in zip(places, inputs, strict=True))
        return tuple(results[place] for place in self._graph.outputs)

    def _empty(self, place: int, shape: tuple[int, int, int]) -> Result:
        layer, value = self._graph.layers[place], self._graph.values[place]
        plane = (*shape, value.channels)
        if isinstance(layer, kinds.Mixture):
            parts = (shape[0], layer.components, *plane[1:])
            return MixtureArrays(
                np.empty(plane, np.int32),
                np.empty(parts, np.int8),
                np.empty(parts, np.int16),
                np.empty(parts, np.uint8),
            )
        if value.narrow:
            return np.empty(plane, np.int16)
        return np.empty(plane, np.int32)

    def _scales_at(self, quality: int) -> list[_Scale]:
        """The multipliers and offsets of all layers that have any; those last used are kept."""
        kept = self._scales
        if kept is None or kept[0] != quality:
            kept = (
                quality,
                [
                    _scale(place, layer.multiplier, value.channels, quality)
                    for place, (layer, value) in enumerate(
                        zip(self._graph.layers, self._graph.values, strict=True)
                    )
                    if isinstance(layer, kinds.Convolution | kinds.Depthwise | kinds.Gain)
                ],
            )
            self._scales = kept
        return kept[1]


def _scale(place: int, multiplier: Multiplier, channels: int, quality: int) -> _Scale:
    offsets = np.broadcast_to(addends(multiplier, quality), channels)
    return place, factors(multiplier, quality).astype(np.int32), offsets.astype(np.int32)


@singledispatch
def _put(layer: Any, native: _native.Graph) -> None:
    raise TypeError(f"no layer: {layer!r}")


@_put.register
def _(layer: kinds.Input, native: _native.Graph) -> None:
    native.input(layer.channels, layer.divisor)


@_put.register
def _(layer: kinds.Convolution, native: _native.Graph) -> None:
    weights, bias = np.ascontiguousarray(layer.weights, np.int16), np.ascontiguousarray(layer.bias)
    native.convolution(layer.sources[0], weights, bias, layer.low, layer.high)


@_put.register
def _(layer: kinds.Depthwise, native: _native.Graph) -> None:
    weights, bias = np.ascontiguousarray(layer.weights, np.int16), np.ascontiguousarray(layer.bias)
    native.depthwise(layer.sources[0], weights, bias, layer.low, layer.high)


@_put.register
def _(layer: kinds.HardSwish, native: _native.Graph) -> None:
    native.hard_swish(layer.sources[0], layer.three, layer.multiplier)


@_put.register
def _(layer: kinds.Gate, native: _native.Graph) -> None:
    native.gate(layer.sources[0], layer.three, layer.multiplier)


@_put.register
def _(layer: kinds.Add, native: _native.Graph) -> None:
    native.add(*layer.sources)


@_put.register
def _(layer: kinds.Gain, native: _native.Graph) -> None:
    native.gain(layer.sources[0], layer.low, layer.high)


@_put.register
def _(layer: kinds.Concatenation, native: _native.Graph) -> None:
    native.concatenation(layer.sources)


@_put.register
def _(layer: kinds.Unshuffle, native: _native.Graph) -> None:
    native.unshuffle(layer.sources[0], layer.factor)


@_put.register
def _(layer: kinds.Shuffle, native: _native.Graph) -> None:
    native.shuffle(layer.sources[0], layer.factor)


@_put.register
def _(layer: kinds.Subsample, native: _native.Graph) -> None:
    native.subsample(layer.sources[0], layer.row, layer.column)


@_put.register
def _(layer: kinds.Mixture, native: _native.Graph) -> None:
    native.mixture(layer.sources, layer.components)
