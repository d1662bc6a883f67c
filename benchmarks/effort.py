"""Measure what ``lic encode --effort N`` is worth: BD-rate against effort 0, and the time.

``python benchmarks/effort.py PICTURE... --effort 100``. Real files, decoded again; one line for
each picture and quality as it comes, then each picture's BD-rate (PSNR) and their mean.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

import numpy as np

from lic import codec
from lic.codec.picture import read_picture
from lic.evaluation.metrics import bd_rate, psnr


def point(pixels: np.ndarray, quality: float, weights: str, effort: int) -> dict[str, float]:
    """One file: bpp, PSNR and seconds to encode."""
    start = time.perf_counter()
    data = codec.encode(pixels, quality, weights, effort)
    seconds = time.perf_counter() - start
    bpp = 8 * len(data) / (pixels.shape[0] * pixels.shape[1])
    return {"bpp": bpp, "psnr": psnr(pixels, codec.decode(data)), "seconds": seconds}


def middle(pixels: np.ndarray, side: int | None) -> np.ndarray:
    """The middle of a picture, at most ``side`` pixels a side."""
    if side is None:
        return pixels
    top, left = (max(size - side, 0) // 2 for size in pixels.shape[:2])
    return pixels[top : top + side, left : left + side]


def main() -> None:
    """Measure and print; JSON to the file of --json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", nargs="+", type=Path)
    parser.add_argument("--weights", default=codec.DEFAULT_WEIGHTS)
    parser.add_argument("--effort", type=int, default=100)
    parser.add_argument("--qualities", type=float, nargs="+", default=[10, 35, 60, 85])
    parser.add_argument("--crop", type=int, help="Only the middle so many pixels a side.")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    found: dict[str, dict[str, list[dict[str, float]]]] = {}
    rates = {}
    for path in arguments.pictures:
        pixels = middle(read_picture(path), arguments.crop)
        curves: dict[str, list[dict[str, float]]] = {"0": [], str(arguments.effort): []}
        for quality in arguments.qualities:
            for effort, points in curves.items():
                points.append(point(pixels, quality, arguments.weights, int(effort)))
                shown = "bpp {bpp:.4f}, PSNR {psnr:.3f}, {seconds:.1f} s".format(**points[-1])
                print(f"{path.name} quality {quality:g} effort {effort}: {shown}", flush=True)
        found[path.name] = curves
        plain, annealed = ([[p[k] for p in c] for k in ("bpp", "psnr")] for c in curves.values())
        rates[path.name] = bd_rate(*plain, *annealed)
        print(f"{path.name}: BD-rate {rates[path.name]:+.2f} %", flush=True)
    print(f"mean: {statistics.mean(rates.values()):+.2f} %")
    if arguments.json:
        report = {"command": " ".join(sys.argv), "bd_rate": rates, "points": found}
        arguments.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
