"""Measure the executor of integer networks: billions of multiply-adds a second on one thread.

``python benchmarks/networks.py [--json FILE]``. The limit of an instruction set is measured, too: a
loop of independent multiply-adds of 16-bit pairs on sums that stay in registers, as many as a
convolution keeps there (12 vectors of 512 bits, 6 of the others), with one load a round. Times are
the least of many runs, which other work on the machine disturbs the least; limit and layers take
turns. Layers run alone, so reading, rescaling and writing their values is in their times.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from lic.integer_networks import Graph, _native
from lic.integer_networks.layers import Convolution, Depthwise, Input, Layer
from lic.integer_networks.native import NativeGraph, instruction_sets
from lic.integer_networks.values import Multiplier

SIDES = (96, 96)
ROUNDS = 2_000_000
CONVOLUTIONS = ((64, 64), (128, 128), (192, 192), (192, 768), (768, 192))
KERNELS = (3, 5, 7)
CHANNELS = 192


def convolution(inputs: int, outputs: int) -> Layer:
    """A 1x1 convolution of small random weights."""
    weights = np.random.default_rng(0).integers(-50, 50, (outputs, inputs)).astype(np.int16)
    multiplier = Multiplier(fixed=np.full(outputs, 2**20, np.int32))
    return Convolution((0,), weights, np.zeros(outputs, np.int32), multiplier)


def depthwise(side: int) -> Layer:
    """A depthwise convolution of small random weights."""
    weights = np.random.default_rng(0).integers(-50, 50, (side, side, CHANNELS)).astype(np.int8)
    multiplier = Multiplier(fixed=np.full(CHANNELS, 2**20, np.int32))
    return Depthwise((0,), weights, np.zeros(CHANNELS, np.int32), multiplier)


def alone(inputs: int, layer: Layer, isa: str) -> Callable[[], object]:
    """A call that runs one layer on an input of so many channels."""
    native = NativeGraph(Graph((Input("x", inputs), layer), (1,)), isa=isa, threads=1)
    values = np.random.default_rng(1).integers(-1000, 1000, (1, *SIDES, inputs)).astype(np.int16)
    return lambda: native.run((values,), 0)


def measure(isa: str, runs: int) -> dict[str, float]:
    """GMAC/s of the limit and of each layer."""
    pixels = SIDES[0] * SIDES[1]
    rounds = ROUNDS if isa != "scalar" else ROUNDS // 10
    operations: dict[str, float] = {"limit": _native.multiply_adds(isa, rounds)}
    calls: dict[str, Callable[[], object]] = {"limit": lambda: _native.multiply_adds(isa, rounds)}
    for inputs, outputs in CONVOLUTIONS:
        name = f"1x1, {inputs} to {outputs}"
        operations[name] = pixels * inputs * outputs
        calls[name] = alone(inputs, convolution(inputs, outputs), isa)
    for side in KERNELS:
        name = f"depthwise {side}x{side}, {CHANNELS}"
        operations[name] = pixels * side**2 * CHANNELS
        calls[name] = alone(CHANNELS, depthwise(side), isa)
    best = dict.fromkeys(calls, float("inf"))
    for _ in range(runs):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            best[name] = min(best[name], time.perf_counter() - start)
    return {name: operations[name] / best[name] / 1e9 for name in calls}


def main() -> None:
    """Measure all instruction sets of this machine."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    results = {isa: measure(isa, arguments.runs) for isa in instruction_sets()}
    for isa, rates in results.items():
        print(f"{isa}: at most {rates['limit']:.1f} GMAC/s")
        for name, rate in rates.items():
            if name != "limit":
                print(f"  {name:24} {rate:6.1f} GMAC/s {100 * rate / rates['limit']:4.0f} %")
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
