"""What a codec of integers costs: the bits of its weights and activations, BitOps, bytes, time.

All but the time is read from its integers. A weight's bits are those that its output channel's
weights need once their common power of two is taken out; an activation's are those of its bounds.
"""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from .codec_network import LATENT_STRIDE, SIDE_STRIDE, CodecNetwork
from .graph import Graph
from .layers import Convolution, Depthwise
from .native import NativeGraph

PICTURE = (512, 768)
"""Height and width that milliseconds are for."""
_OUTPUT_BYTES = 8
"""Bias and multiplier of an output channel."""


@dataclass(frozen=True)
class NetworkCosts:
    """The costs of encoding and of decoding a picture, what both do counted once."""

    weight_bits: float
    """Mean over the weights."""
    activation_bits: float
    """Mean over the multiplications: of what a convolution reads, 16 for 16-bit integers."""
    bit_operations: float
    """Thousands of multiplications a pixel, times the bits of both factors."""
    bytes: float
    """Of the weights at their bits, and of biases and multipliers."""
    milliseconds: float
    """Of the networks alone, for a picture of 768 x 512 pixels, with one thread here."""


def _weight_bits(weights: NDArray[np.int8] | NDArray[np.int16]) -> NDArray[np.int64]:
    """Bits, sign included, of each output channel's weights (outputs, n)."""
    rows = np.abs(weights.astype(np.int64))
    shared = np.bitwise_or.reduce(rows, axis=1)
    power = np.maximum(shared & -shared, 1)
    largest = rows.max(axis=1) // power
    bits: NDArray[np.int64] = 1 + np.ceil(np.log2(largest + 1)).astype(np.int64)
    return bits


def parts(network: CodecNetwork) -> Iterator[tuple[str, Graph, Fraction]]:
    """The names of a network's graphs, the graphs, and the resolution of their inputs."""
    latents = Fraction(1, LATENT_STRIDE)
    yield "analysis", network.analysis, Fraction(1)
    yield "hyper_analysis", network.hyper_analysis, latents
    yield "entropy.synthesis", network.hyper_synthesis, latents / SIDE_STRIDE
    for step in network.steps:
        yield "entropy.steps", step, latents
    if network.corrector is not None:
        yield "entropy.corrector", network.corrector, latents
    yield "synthesis", network.synthesis, latents


def parameter_count(network: CodecNetwork) -> int:
    """The number of weights and biases."""
    return sum(
        layer.weights.size + layer.bias.size
        for _, graph, _ in parts(network)
        for layer in graph.layers
        if isinstance(layer, Convolution | Depthwise)
    )


def kmac_per_pixel(network: CodecNetwork) -> dict[str, float]:
    """Thousands of multiplications a pixel, by part, and to encode and to decode."""
    found: dict[str, float] = defaultdict(float)
    for name, graph, stride in parts(network):
        for layer in graph.layers:
            if isinstance(layer, Convolution | Depthwise):
                places = float(stride * graph.values[layer.sources[0]].resolution) ** 2
                found[name] += layer.weights.size * places / 1000
    entropy = sum(cost for name, cost in found.items() if name.startswith("entropy."))
    analysis = found["analysis"] + found["hyper_analysis"]
    return {
        **found,
        "entropy": entropy,
        "encode": analysis + entropy,
        "decode": entropy + found["synthesis"],
    }


def costs(network: CodecNetwork, runs: int = 5) -> NetworkCosts:
    """Those of a network; its time is the sum of the parts' medians over some runs."""
    bits = numbers = reads = operations = multiplications = size = 0.0
    for _, graph, stride in parts(network):
        for layer in graph.layers:
            if not isinstance(layer, Convolution | Depthwise):
                continue
            convolution = isinstance(layer, Convolution)
            rows = layer.weights if convolution else layer.weights.reshape(-1, len(layer.bias)).T
            own = _weight_bits(rows)
            source = graph.values[layer.sources[0]]
            span = int(source.high.max() - source.low.min())
            read = (span - 1).bit_length()
            total = float(own.sum()) * rows.shape[1]
            places = float(stride * source.resolution) ** 2
            bits += total
            numbers += rows.size
            operations += total * read * places
            reads += read * rows.size * places
            multiplications += rows.size * places
            size += total / 8 + _OUTPUT_BYTES * len(layer.bias)
    spent = sum(graph_time(graph, stride, runs) for _, graph, stride in parts(network))
    return NetworkCosts(bits / numbers, reads / multiplications, operations / 1000, size, spent)


def graph_time(graph: Graph, stride: Fraction, runs: int = 5) -> float:
    """The median milliseconds of a run in C++; inputs are a picture's at a resolution."""
    native = NativeGraph(graph, threads=1)
    height, width = (int(side * stride) for side in PICTURE)
    inputs = tuple(np.zeros((1, height, width, x.channels), np.int16) for x in graph.inputs)
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        native.run(inputs, 5000)
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)
