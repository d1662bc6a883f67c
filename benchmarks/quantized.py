"""Compare quantized weights by real files: BD-rate against a reference.

``python benchmarks/quantized.py FOLDER ID... --reference ID [--weights-folder FOLDER]``. Codes the
pictures of a folder with every id at four qualities and without effort, and prints for each id the
mean of the pictures' BD-rates (PSNR) against the reference's files.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path

from lic import codec
from lic.codec.manifest import FOLDERS_VARIABLE
from lic.codec.picture import list_pictures, read_picture
from lic.codec.pixels import Pixels
from lic.evaluation.metrics import bd_rate, psnr

Points = list[tuple[float, float]]


def measured(pixels: Pixels, weights: str, qualities: list[float]) -> Points:
    """Bits a pixel and PSNR of a picture at qualities."""
    points = []
    for quality in qualities:
        data = codec.encode(pixels, quality=quality, weights=weights)
        shown = codec.decode(data)
        points.append((8 * len(data) / shown[..., 0].size, psnr(pixels, shown)))
    return points


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("ids", nargs="+")
    parser.add_argument("--reference", default="small-3")
    parser.add_argument("--qualities", type=float, nargs="+", default=[10, 35, 60, 85])
    arguments = parser.parse_args()
    pictures = [read_picture(path) for path in list_pictures([arguments.folder])]
    print(f"{len(pictures)} pictures, weights found through {FOLDERS_VARIABLE}", flush=True)
    reference = [measured(p, arguments.reference, arguments.qualities) for p in pictures]
    for name in arguments.ids:
        curves = [measured(p, name, arguments.qualities) for p in pictures]
        pairs = zip(reference, curves, strict=True)
        known = [bd_rate(*zip(*r, strict=True), *zip(*c, strict=True)) for r, c in pairs]
        columns = [zip(*column, strict=True) for column in zip(*curves, strict=True)]
        means = [tuple(map(statistics.fmean, column)) for column in columns]
        points = "  ".join(f"{bpp:.3f}/{db:.2f}" for bpp, db in means)
        rates = f"BD-rate {statistics.fmean(known):+.2f} % (at most {max(known):+.2f})"
        print(f"{name}: {rates}  {points}", flush=True)


if __name__ == "__main__":
    main()
