"""Fuzzing the whole decoder: damaged files whose checksums fit, as a hostile sender makes them.

``python tests/fuzz/fuzz_files.py SECONDS [--seed N] [--inputs N]``. Whatever the bytes are,
`decode` gives a picture of the size in the header or raises a LicError, in bounded time and memory.
An input that does not is written to a file.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from fuzzing import fuzz, mutated, run

from lic import codec
from lic.codec.coding import encode_picture
from lic.codec.metadata import GRAY, Metadata, Original
from lic.codec.pixels import Picture
from lic.codec.weights import Weights, resolve

MAX_PIXELS = 2**14
CHECKSUM_BYTES = 4


def valid_files(weights: Weights) -> list[bytes]:
    """Files of one tile and of four, plain and with all boxes, at low and high quality."""
    random = np.random.default_rng(0)
    pixels = np.cumsum(random.integers(-9, 10, (100, 90, 3)), axis=0).clip(0, 255).astype(np.uint8)
    files = [encode_picture(pixels[:40, :50], q, weights) for q in (10, 90)]
    files.append(encode_picture(pixels, 60, weights, tile=64))
    alpha = np.add.outer(np.arange(40), np.arange(50)).astype(np.uint8)
    metadata = Metadata(icc=bytes(40), exif=b"II*\0" + bytes(9), xmp=b"<x/>" * 9)
    whole = codec.encode(Picture(pixels[:40, :50], alpha, metadata, Original(GRAY, 16)))
    container = codec.read_container(whole, MAX_PIXELS)
    files.append(replace(container, ancillary={**container.ancillary, "q": b"?"}).to_bytes())
    return files


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
    assert pixels.shape[:2] == (header.height, header.width)
    assert pixels.dtype == np.uint8
    return "decoded"


def fuzz_files(seconds: float, seed: int, limit: int | None) -> Counter[str]:
    """Decode inputs for some seconds, or as many as ``limit``; counts them by outcome."""
    files = valid_files(resolve(codec.DEFAULT_WEIGHTS))
    assert {outcome(data) for data in files} == {"decoded"}
    return fuzz(inputs(files, np.random.default_rng(seed)), outcome, seconds, limit, ".lic")


if __name__ == "__main__":
    run(__doc__, fuzz_files)
