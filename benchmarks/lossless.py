"""Measure coding without loss beside other formats: bits a pixel and seconds.

``python benchmarks/lossless.py FOLDER [--hard]``. Codes the pictures of a folder, or the synthetic
hard ones, with lic, PNG (optimized), WebP (method 6) and, where the package pillow-jxl-plugin is
installed, JPEG XL (effort 7), and prints the bits a pixel of each picture, the means, and the times
to encode and to decode of all.
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from lic import codec
from lic.codec.picture import list_pictures, read_picture
from lic.codec.pixels import Pixels
from lic.evaluation.hard_pictures import hard_pictures

Coder = tuple[Callable[[Pixels], bytes], Callable[[bytes], Pixels]]


def pillow(kind: str, **options: Any) -> Coder:
    """A format of Pillow's."""

    def encode(pixels: Pixels) -> bytes:
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, kind, **options)
        return buffer.getvalue()

    return encode, lambda data: np.array(Image.open(io.BytesIO(data)).convert("RGB"))


def coders() -> dict[str, Coder]:
    """All that are installed, by name."""
    found: dict[str, Coder] = {
        "lic": (lambda pixels: codec.encode(pixels, max_error=0), codec.decode),
        "PNG": pillow("PNG", optimize=True),
        "WebP": pillow("WEBP", lossless=True, quality=100, method=6),
    }
    if importlib.util.find_spec("pillow_jxl"):
        import pillow_jxl  # noqa: F401  # registers itself with Pillow

        found["JPEG XL"] = pillow("JXL", lossless=True, effort=7)
    return found


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--hard", action="store_true")
    arguments = parser.parse_args()
    if arguments.hard:
        pictures = hard_pictures()
    else:
        pictures = {p.name: read_picture(p) for p in list_pictures([arguments.folder])}
    found = coders()
    bits: dict[str, list[float]] = {name: [] for name in found}
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in found}
    print(f"{'bits a pixel':24}", *(f"{name:>9}" for name in found))
    for picture, pixels in pictures.items():
        for name, (encode, decode) in found.items():
            start = time.perf_counter()
            data = encode(pixels)
            middle = time.perf_counter()
            if not np.array_equal(decode(data), pixels):
                raise SystemExit(f"{name} does not give {picture} back")
            seconds[name].append((middle - start, time.perf_counter() - middle))
            bits[name].append(8 * len(data) / (pixels.shape[0] * pixels.shape[1]))
        print(f"{picture:24}", *(f"{column[-1]:9.3f}" for column in bits.values()), flush=True)
    print(f"{'mean':24}", *(f"{statistics.fmean(column):9.3f}" for column in bits.values()))
    for i, what in enumerate(("encode", "decode")):
        times = (statistics.median(pair[i] for pair in rows) for rows in seconds.values())
        print(f"{what + ', median s':24}", *(f"{t:9.3f}" for t in times))


if __name__ == "__main__":
    main()
