"""Check that all executors give the same files and the same pixels.

``python benchmarks/exactness.py [FOLDER] [--reference]``. Codes the pictures of a folder, and
synthetic extremes, at three qualities, with the default weights: in C++ with every instruction set
of this machine on 1, 2 and 4 threads, in torch with float64, and with ``--reference`` by the NumPy
reference (some seconds a picture). Tiles have sides of 1024 pixels, and of 256 for every other
picture. Ends with an error at the first difference.
"""

from __future__ import annotations

import argparse
import hashlib
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from lic.codec import DEFAULT_WEIGHTS, read_container
from lic.codec.coding import decode_pixels, encode_picture
from lic.codec.executors import open_executor
from lic.codec.executors.integers import IntegerExecutor
from lic.codec.picture import list_pictures, read_picture
from lic.codec.pixels import Pixels
from lic.codec.weights import Weights, resolve
from lic.integer_networks.native import NativeGraph, instruction_sets

QUALITIES = (5.0, 50.0, 95.0)
THREADS = (1, 2, 4)
LIMIT = 2**28


def extremes() -> Iterator[tuple[str, Pixels]]:
    """Pictures that no photograph is like."""
    random = np.random.default_rng(0)
    yield "flat", np.full((200, 300, 3), 77, np.uint8)
    yield "black", np.zeros((64, 64, 3), np.uint8)
    yield "noise", random.integers(0, 256, (200, 300, 3), dtype=np.uint8)
    yield "saturated", random.choice([0, 255], (200, 300, 3)).astype(np.uint8)
    yield (
        "checkerboard",
        np.indices((130, 130)).sum(axis=0)[..., None].repeat(3, 2).astype(np.uint8) % 2 * 255,
    )
    yield "1x1", np.full((1, 1, 3), 200, np.uint8)
    yield "1x4096", random.integers(0, 256, (1, 4096, 3), dtype=np.uint8)


def weights_by_executor(reference: bool) -> dict[str, Weights]:
    """The default weights in every executor, by its name."""
    weights = resolve(DEFAULT_WEIGHTS)
    assert isinstance(weights.executor, IntegerExecutor)
    network = weights.executor.network
    found = {"torch": replace(weights, executor=open_executor(network, "torch"))}
    for isa in instruction_sets():
        for threads in THREADS:
            runner = partial(NativeGraph, isa=isa, threads=threads)
            executor = IntegerExecutor(network, runner)
            found[f"{isa}, {threads} threads"] = replace(weights, executor=executor)
    if reference:
        found["reference"] = replace(weights, executor=open_executor(network, "reference"))
    return found


def coded(pixels: Pixels, quality: float, weights: Weights, tile: int) -> tuple[str, str]:
    """Digests of a picture's file, and of the pixels that it decodes to."""
    data = encode_picture(pixels, quality, weights, tile)
    decoded = decode_pixels(read_container(data, LIMIT), lambda: weights)
    return hashlib.sha256(data).hexdigest(), hashlib.sha256(decoded.tobytes()).hexdigest()


def main() -> None:
    """Compare, picture by picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--reference", action="store_true")
    arguments = parser.parse_args()
    executors = weights_by_executor(arguments.reference)
    pictures = list(extremes())
    if arguments.folder:
        paths = list_pictures([arguments.folder])
        pictures += [(path.name, read_picture(path)) for path in paths]
    seconds = dict.fromkeys(executors, 0.0)
    for place, (name, pixels) in enumerate(pictures):
        tile = 256 if place % 2 else 1024
        for quality in QUALITIES:
            found = {}
            for executor, weights in executors.items():
                start = time.perf_counter()
                found[executor] = coded(pixels, quality, weights, tile)
                seconds[executor] += time.perf_counter() - start
            if len(set(found.values())) > 1:
                raise SystemExit(f"{name} at quality {quality} differs: {found}")
    print(f"{len(pictures)} pictures at {len(QUALITIES)} qualities: no difference between")
    for executor, taken in seconds.items():
        print(f"  {executor} ({taken:.1f} s)")


if __name__ == "__main__":
    main()
