"""Fuzzing the whole decoder: damaged files whose checksums fit, as a hostile sender makes them.

``python tests/fuzz/fuzz_files.py SECONDS [--seed N] [--inputs N]``. Whatever the bytes are,
`decode` gives a picture of the size in the header or raises a LicError, in bounded time and memory.
An input that does not is written to a file.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from lic import codec
from lic.codec.coding import encode_picture
from lic.codec.weights import Weights, resolve

MAX_PIXELS = 2**14
MAX_SECONDS = 10.0
MAX_GROWTH = 200 * 2**20
CHECKSUM_BYTES = 4


def valid_files(weights: Weights) -> list[bytes]:
    """Files of one tile and of four, with and without ancillary boxes, at low and high quality."""
    random = np.random.default_rng(0)
    pixels = np.cumsum(random.integers(-9, 10, (100, 90, 3)), axis=0).clip(0, 255).astype(np.uint8)
    files = [encode_picture(pixels[:40, :50], q, weights) for q in (10, 90)]
    files.append(encode_picture(pixels, 60, weights, tile=64))
    container = codec.read_container(files[0], MAX_PIXELS)
    files.append(replace(container, ancillary={"i": bytes(40), "q": b"?"}).to_bytes())
    return files


def mutated(data: bytes, random: np.random.Generator) -> bytes:
    """The bytes with one to four changes: bytes set, cut out, doubled or added."""
    changed = bytearray(data)
    for _ in range(random.integers(1, 5)):
        # Half of the changes go to the first bytes, where the structure is.
        reach = 40 if random.random() < 0.5 else len(changed)
        place = int(random.integers(min(reach, len(changed)) + 1))
        length = int(random.integers(1, 9))
        match random.integers(5):
            case 0:
                changed[place : place + 1] = random.bytes(1)
            case 1:
                changed[place : place + length] = random.choice([b"\x00", b"\xff"]) * length
            case 2:
                del changed[place : place + length]
            case 3:
                changed[place:place] = changed[place : place + length]
            case 4:
                changed[place:place] = random.bytes(length)
    return bytes(changed)


def inputs(files: Sequence[bytes], random: np.random.Generator) -> Iterator[bytes]:
    """Files with a checksum that fits, without end: any byte damaged, or the streams alone."""
    while True:
        data = files[random.integers(len(files))]
        if random.random() < 0.5:
            body = mutated(data[:-CHECKSUM_BYTES], random)
            yield body + zlib.crc32(body).to_bytes(CHECKSUM_BYTES, "little")
        else:
            container = codec.read_container(data, MAX_PIXELS)
            streams = list(container.streams)
            chosen = random.integers(len(streams))
            streams[chosen] = mutated(streams[chosen], random)
            yield replace(container, streams=tuple(streams)).to_bytes()


def outcome(data: bytes) -> str:
    """What becomes of an input: "decoded", or the name of the error."""
    try:
        pixels = codec.decode(data, max_pixels=MAX_PIXELS)
    except codec.LicError as error:
        return type(error).__name__
    header = codec.read_header(data)
    assert pixels.shape == (header.height, header.width, 3)
    assert pixels.dtype == np.uint8
    return "decoded"


def peak_memory() -> int:
    """The most memory that this process has held so far, in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def fuzz(seconds: float, seed: int, limit: int | None) -> Counter[str]:
    """Decode inputs for some seconds, or as many as ``limit``; counts them by outcome."""
    files = valid_files(resolve(codec.DEFAULT_WEIGHTS))
    assert {outcome(data) for data in files} == {"decoded"}
    allowed = peak_memory() + MAX_GROWTH
    counts: Counter[str] = Counter()
    drawn = inputs(files, np.random.default_rng(seed))
    end = time.monotonic() + seconds
    while (start := time.monotonic()) < end and counts.total() != limit:
        data = next(drawn)
        try:
            counts[outcome(data)] += 1
            assert time.monotonic() - start < MAX_SECONDS, "an input took too long"
            assert peak_memory() < allowed, "an input took too much memory"
        except Exception:
            with tempfile.NamedTemporaryFile(suffix=".lic", delete=False) as file:
                file.write(data)
            print(f"the input is in {file.name}", file=sys.stderr)
            raise
    return counts


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seconds", type=float)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--inputs", type=int, help="stop after so many")
    arguments = parser.parse_args()
    for name, count in fuzz(arguments.seconds, arguments.seed, arguments.inputs).most_common():
        print(f"{count} {name}")


if __name__ == "__main__":
    main()
