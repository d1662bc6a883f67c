"""Measure streams of pictures: `encode_many` and `decode_many` beside formats that Pillow writes.

``python benchmarks/throughput.py FOLDER [--quality 50] [--pictures 6] [--count 48] [--rounds 3]
[--processes 1 2] [--device cuda]``. The folder's pictures are repeated to make a stream of that
many. Each process codes its share of it with its share of the cores (AVIF, too; WebP and JPEG XL
choose their threads). The others' qualities are those at which the pictures take about as many
bytes as lic's. Pictures and files are in memory, and what a process has to load is loaded before
the clock starts.

A line for each codec: bits a pixel and PSNR of its files, and pictures and megapixels a second of
wall time, medians over rounds in which all take their turns. JPEG XL needs pillow-jxl-plugin. A
device of torch's has one process.
"""

from __future__ import annotations

import argparse
import os
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice, product
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any, Protocol

import numpy as np

from lic.codec.picture import list_pictures, read_picture
from lic.codec.pixels import Pixels
from lic.evaluation.codecs import PillowCodec

_PILLOW = (
    PillowCodec("AVIF, speed 4", (), "AVIF", options={"speed": 4}),
    PillowCodec("AVIF, speed 6", (), "AVIF", options={"speed": 6}),
    PillowCodec("WebP, method 4", (), "WEBP", options={"method": 4}),
    PillowCodec("JPEG XL, effort 7", (), "JXL", options={"effort": 7}),
)


class Streams(Protocol):
    """A codec at one quality, as worker processes get it."""

    @property
    def name(self) -> str:
        """For the table."""

    def encode(self, pictures: Sequence[Pixels]) -> list[bytes]:
        """Files of pictures."""

    def decode(self, files: Sequence[bytes]) -> list[Pixels]:
        """Pictures of files."""


@dataclass(frozen=True)
class Lic:
    """The default weights on a device."""

    quality: float
    device: str = "cpu"

    @property
    def name(self) -> str:
        """With the device, if it is not the usual one."""
        return "lic" if self.device == "cpu" else f"lic, {self.device}"

    def encode(self, pictures: Sequence[Pixels]) -> list[bytes]:
        """Files of pictures."""
        from lic.codec.streams import encode_many

        return list(encode_many(pictures, self.quality, device=self.device))

    def decode(self, files: Sequence[bytes]) -> list[Pixels]:
        """Pictures of files."""
        from lic.codec.streams import decode_many

        return list(decode_many(files, device=self.device))


@dataclass(frozen=True)
class Other:
    """A format of Pillow's at a quality."""

    codec: PillowCodec
    quality: int

    @property
    def name(self) -> str:
        """As its tables have it."""
        return self.codec.name

    def encode(self, pictures: Sequence[Pixels]) -> list[bytes]:
        """Files of pictures."""
        codec = self.codec
        if codec.kind == "AVIF":
            threads = {"max_threads": int(os.environ["LIC_THREADS"])}
            codec = replace(codec, options=codec.options | threads)
        return [codec.encode(pixels, self.quality) for pixels in pictures]

    def decode(self, files: Sequence[bytes]) -> list[Pixels]:
        """Pictures of files."""
        return [self.codec.decode(data) for data in files]


def _of_size(codec: PillowCodec, pictures: Sequence[Pixels], size: int) -> Other:
    """The quality whose files of the pictures are nearest to a size together."""

    def total(quality: int) -> int:
        return sum(len(codec.encode(pixels, quality)) for pixels in pictures)

    low, high = 1, 99
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if total(middle) < size else (low, middle)
    return Other(codec, min((low, high), key=lambda quality: abs(total(quality) - size)))


def _work(method: Callable[[Any], Any], share: Sequence[Any], barrier: Any, seconds: Any) -> None:
    """In a process: one item to load all that there is to load, then the share by the clock."""
    method(share[:1])
    barrier.wait()
    start = time.perf_counter()
    method(share)
    seconds.put(time.perf_counter() - start)


def measure(method: Callable[[Any], Any], items: Sequence[Any], processes: int) -> float:
    """Seconds of wall time that processes take for all items together."""
    context = get_context("spawn")
    barrier, seconds = context.Barrier(processes), context.Queue()
    os.environ["LIC_THREADS"] = str(max((os.cpu_count() or 1) // processes, 1))
    workers = [
        context.Process(target=_work, args=(method, items[n::processes], barrier, seconds))
        for n in range(processes)
    ]
    for worker in workers:
        worker.start()
    longest = max(seconds.get() for _ in workers)
    for worker in workers:
        worker.join()
    return float(longest)


def _psnr(pictures: Sequence[Pixels], shown: Sequence[Pixels]) -> float:
    errors = [np.mean((a.astype(float) - b) ** 2) for a, b in zip(pictures, shown, strict=True)]
    return float(np.mean(10 * np.log10(255**2 / np.array(errors))))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--quality", type=float, default=50)
    parser.add_argument("--pictures", type=int, default=6, help="of the folder, from the first on")
    parser.add_argument("--count", type=int, default=48, help="length of the stream")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--device", action="append", default=[], help="as of `lic encode`")
    arguments = parser.parse_args()
    os.environ["LIC_THREADS"] = str(os.cpu_count() or 1)
    paths = list_pictures([arguments.folder])[: arguments.pictures]
    pictures = [read_picture(path) for path in paths]
    own = Lic(arguments.quality)
    size = sum(map(len, own.encode(pictures)))
    codecs: list[Streams] = [own, *(Lic(arguments.quality, d) for d in arguments.device)]
    for codec in _PILLOW:
        try:
            codecs.append(_of_size(codec, pictures, size))
        except ImportError:
            print(f"without {codec.name}: it is not installed")
    repeated = list(islice(cycle(pictures), arguments.count))
    area = sum(pixels.shape[0] * pixels.shape[1] for pixels in repeated)
    numbers = [f"{what}, {n}" for what in ("encode", "decode") for n in arguments.processes]
    files = {codec.name: codec.encode(repeated) for codec in codecs}
    walls: dict[tuple[str, str], list[float]] = defaultdict(list)
    for _, codec, n in product(range(arguments.rounds), codecs, arguments.processes):
        if n == 1 or not isinstance(codec, Lic) or codec.device == "cpu":
            walls[codec.name, f"encode, {n}"].append(measure(codec.encode, repeated, n))
            walls[codec.name, f"decode, {n}"].append(measure(codec.decode, files[codec.name], n))
    print("| pictures (megapixels) a second | bpp | PSNR (dB) | " + " | ".join(numbers) + " |")
    print("|---" * (3 + len(numbers)) + "|")
    for codec in codecs:
        own_files = files[codec.name]
        bpp = 8 * sum(map(len, own_files)) / area
        cells = [f"{bpp:.3f}", f"{_psnr(repeated, codec.decode(own_files)):.2f}"]
        for number in numbers:
            found = walls[codec.name, number]
            if not found:
                cells.append("")
                continue
            seconds = median(found)
            cells.append(f"{len(repeated) / seconds:.1f} ({area / seconds / 1e6:.2f})")
        print(f"| {codec.name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
