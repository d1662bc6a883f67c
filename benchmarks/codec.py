"""Measure coding of one picture as users see it: whole processes, calls, and where the time goes.

``python benchmarks/codec.py PICTURE [--lic PROGRAM ...] [--quality Q] [--runs N]``. Each PROGRAM is
the ``lic`` of an environment, by default this one's; several take turns, so that what else the
machine does disturbs them alike. Times are medians. A process's are wall and processor time, with
its peak of memory. Calls are those of the library in this process, on all cores and, in a process
that may use one core only, on one.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

MIB = 2**20 if sys.platform == "darwin" else 2**10
Stopwatch = Callable[..., Any]
"""(name, function, arguments) to the function's result."""

# A process's children: so that each one's peak of memory is its own.
_CHILD = """
import resource, subprocess, sys, time
start = time.perf_counter()
subprocess.run(sys.argv[1:], check=True, stderr=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss)
"""


def process(command: list[str]) -> tuple[float, ...]:
    """Wall time, processor time (both in seconds) and peak of memory (MiB) of a command."""
    child = [sys.executable, "-c", _CHILD, *command]
    out = subprocess.run(child, check=True, capture_output=True, text=True).stdout
    wall, processor, peak = map(float, out.split())
    return wall, processor, peak / MIB


def processes(programs: list[str], picture: Path, quality: float, runs: int) -> None:
    """Print the medians of whole processes."""
    with tempfile.TemporaryDirectory() as folder:
        file, out = f"{folder}/a.lic", f"{folder}/a.png"
        found: dict[tuple[str, str], list[tuple[float, ...]]] = {}
        for _ in range(runs):
            for program in programs:
                encode = [program, "encode", str(picture), file, "-q", str(quality)]
                for name, command in (
                    ("encode", encode),
                    ("decode", [program, "decode", file, out]),
                ):
                    found.setdefault((program, name), []).append(process(command))
    for (program, name), rows in found.items():
        wall, processor, peak = (statistics.median(column) for column in zip(*rows, strict=True))
        print(f"{program} {name}: {wall:.2f} s, processor {processor:.2f} s, {peak:.0f} MiB")


def calls(picture: Path, quality: float, runs: int) -> None:
    """Print the medians of the library's calls, and the parts of a process's time."""
    laps: dict[str, list[float]] = {}

    def lap(name: str, call: Callable[..., Any], *arguments: Any) -> Any:
        start = time.perf_counter()
        result = call(*arguments)
        laps.setdefault(name, []).append(1000 * (time.perf_counter() - start))
        return result

    lap("import numpy", __import__, "numpy")
    lap("import click", __import__, "click")
    lap("import lic", __import__, "lic.cli.main")
    lap("import lic's coding", __import__, "lic.codec.coding")
    lap("import Pillow", __import__, "lic.codec.picture")
    from lic import codec
    from lic.codec.picture import picture_bytes, read_picture
    from lic.codec.weights import resolve

    weights = lap("load weights", resolve, codec.DEFAULT_WEIGHTS)
    for _ in range(runs):
        pixels = lap("read the picture", read_picture, picture)
        data = lap("encode", codec.encode, pixels, quality, weights)
        decoded = lap("decode", codec.decode, data, weights)
        lap("write PNG", picture_bytes, decoded, Path("a.png"))
        inside(weights, pixels, round(100 * quality), lap)
    for name, times in laps.items():
        print(f"  {name:28} {statistics.median(times):7.1f} ms")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MIB
    print(f"  {'peak of memory':28} {peak:7.0f} MiB")


def inside(weights: Any, pixels: Any, quality: int, lap: Stopwatch) -> None:
    """Time the parts of coding the picture as one tile."""
    from lic.codec.latent_coding import decode_latents, encode_latents
    from lic.codec.tiling import TILE_UNIT, pad_edges

    executor, padded = weights.executor, pad_edges(pixels)[None]
    shape = padded.shape[1] // TILE_UNIT, padded.shape[2] // TILE_UNIT
    y = lap("  analysis", executor.analyse, padded, quality)
    z = lap("  hyper analysis", executor.side_information, y, quality)
    targets = executor.targets(y, quality)
    lap("  entropy path", executor.entropy_path, z, quality, lambda _, p: p.centres)
    streams, _ = lap("  with the coder, encoding", encode_latents, executor, targets, z, quality, 0)
    decoded = lap(
        "  with the coder, decoding", decode_latents, executor, streams, shape, quality, 0
    )
    lap("  synthesis", executor.synthesise, decoded, quality)


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--lic", nargs="*", default=[str(Path(sys.executable).with_name("lic"))])
    parser.add_argument("--quality", type=float, default=50)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--calls-alone", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.calls_alone:
        calls(arguments.picture, arguments.quality, arguments.runs)
        return
    processes(arguments.lic, arguments.picture, arguments.quality, arguments.runs)
    again = [sys.executable, __file__, str(arguments.picture), "--calls-alone"]
    again += ["--quality", str(arguments.quality), "--runs", str(arguments.runs)]
    cores = sorted(os.sched_getaffinity(0))
    for title, chosen in (("all cores", cores), ("one core", cores[:1])):
        print(f"calls, {title}:", flush=True)
        subprocess.run(again, check=True, preexec_fn=lambda c=chosen: os.sched_setaffinity(0, c))


if __name__ == "__main__":
    main()
