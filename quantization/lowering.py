"""A prepared graph to a graph of integers, as `lic.integer_networks` runs it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from lic.integer_networks import layers as kinds
from lic.integer_networks.graph import Graph
from lic.integer_networks.layers import Layer
from lic.quantization.float_graph import FloatGraph, FloatLayer
from lic.quantization.integers import Prepared


def lower(graph: FloatGraph, prepared: Sequence[Prepared]) -> Graph:
    """The integer graph of a graph that was prepared, in double precision, for its integers.

    Raises
    ------
    lic.integer_networks.GraphError
        If the integers cannot be proven to be exact everywhere.
    """
    lowered = [_lowered(*pair) for pair in zip(graph.layers, prepared, strict=True)]
    return Graph(tuple(lowered), tuple(graph.outputs))


def _lowered(layer: FloatLayer, made: Prepared) -> Layer:
    places = layer.sources
    low, high = (int(bound[0]) for bound in (made.low, made.high))
    match layer.kind:
        case "input":
            return kinds.Input(layer.name, len(made.unit), low, high)
        case "convolution" | "depthwise":
            assert made.weights is not None
            assert made.bias is not None
            convolution = kinds.Convolution if layer.kind == "convolution" else kinds.Depthwise
            numbers = (_weights(made.weights), _array(made.bias).astype(np.int32))
            return convolution(places, *numbers, made.multiplier(layer.kind), low, high)
        case "hard_swish" | "gate":
            fixed = made.multiplier(layer.kind).fixed
            assert fixed is not None
            gate = kinds.HardSwish if layer.kind == "hard_swish" else kinds.Gate
            return gate(places, made.three, int(fixed))
        case "add":
            return kinds.Add(places)
        case "gain" | "narrow":
            return kinds.Gain(places, made.multiplier(layer.kind), low, high)
        case "concatenation":
            return kinds.Concatenation(places)
        case "unshuffle":
            return kinds.Unshuffle(places, layer.factor)
        case "shuffle":
            return kinds.Shuffle(places, layer.factor)
        case "subsample":
            return kinds.Subsample(places, *layer.place)
        case "mixture":
            return kinds.Mixture(places, layer.factor)
    raise ValueError(f"no such kind of layer: {layer.kind}")


def _array(x: Tensor) -> NDArray[np.float64]:
    array: NDArray[np.float64] = x.detach().double().cpu().numpy()
    return array


def _weights(weights: Tensor) -> NDArray[np.int8] | NDArray[np.int16]:
    """In 8 bits, if they fit."""
    integers = np.ascontiguousarray(_array(weights)).astype(np.int16)
    if np.abs(integers).max() <= np.iinfo(np.int8).max:
        return integers.astype(np.int8)
    return integers
