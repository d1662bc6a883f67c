"""Measure what ``lic encode --effort N`` is worth: BD-rate against effort 0, and the time.

``python benchmarks/effort.py PICTURE... --effort 1 3 9``. Real files, decoded again; a line for
each picture, quality and effort as it comes, then a table: each effort's mean BD-rate (PSNR) over
the pictures, and the processor time that it takes a picture.
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
    """One file: bpp, PSNR and seconds of the processor to encode."""
    start = time.process_time()
    data = codec.encode(pixels, quality, weights, effort)
    seconds = time.process_time() - start
    bpp = 8 * len(data) / (pixels.shape[0] * pixels.shape[1])
    return {"bpp": bpp, "psnr": psnr(pixels, codec.decode(data)), "seconds": seconds}


def middle(pixels: np.ndarray, side: int | None) -> np.ndarray:
    """The middle of a picture, at most ``side`` pixels a side."""
    if side is None:
        return pixels
    top, left = (max(size - side, 0) // 2 for size in pixels.shape[:2])
    return pixels[top : top + side, left : left + side]


def columns(points: list[dict[str, float]]) -> tuple[list[float], list[float]]:
    """The rates and the PSNRs of a curve."""
    return [p["bpp"] for p in points], [p["psnr"] for p in points]


def main() -> None:
    """Measure and print; JSON to the file of --json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", nargs="+", type=Path)
    parser.add_argument("--weights", default=codec.DEFAULT_WEIGHTS)
    parser.add_argument("--effort", type=int, nargs="+", default=list(range(1, 10)))
    parser.add_argument("--qualities", type=float, nargs="+", default=[10, 35, 60, 85])
    parser.add_argument("--crop", type=int, help="Only the middle so many pixels a side.")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    efforts = [0, *arguments.effort]
    found: dict[str, dict[int, list[dict[str, float]]]] = {}
    for path in arguments.pictures:
        pixels = middle(read_picture(path), arguments.crop)
        curves: dict[int, list[dict[str, float]]] = {effort: [] for effort in efforts}
        for quality in arguments.qualities:
            for effort, points in curves.items():
                points.append(point(pixels, quality, arguments.weights, effort))
                shown = "bpp {bpp:.4f}, PSNR {psnr:.3f}, {seconds:.1f} s".format(**points[-1])
                print(f"{path.name} quality {quality:g} effort {effort}: {shown}", flush=True)
        found[path.name] = curves
    rates = {
        effort: {
            name: bd_rate(*columns(curves[0]), *columns(curves[effort]))
            for name, curves in found.items()
        }
        for effort in arguments.effort
    }
    print("| effort | BD-rate | processor time a picture |\n|---|---|---|")
    for effort in efforts:
        rate = statistics.mean(rates[effort].values()) if effort else 0.0
        seconds = [p["seconds"] for curves in found.values() for p in curves[effort]]
        print(f"| {effort} | {rate:+.2f} % | {statistics.mean(seconds):.2f} s |")
    if arguments.json:
        report = {"command": " ".join(sys.argv), "bd_rate": rates, "points": found}
        arguments.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
