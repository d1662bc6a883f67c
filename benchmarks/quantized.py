"""Compare quantized weights by real files: BD-rate against a reference, and what they cost.

``python benchmarks/quantized.py FOLDER ID... --reference ID``. Codes the pictures of a folder with
every id at four qualities and the default effort, and prints for each id the mean of the pictures'
BD-rates (PSNR) against the reference's files, and the costs of `lic models --costs`. The ids are
found as by every command, in the folders that LIC_WEIGHTS names, too.
"""

from __future__ import annotations

import argparse
import json
import statistics
from dataclasses import asdict
from pathlib import Path

from lic import codec
from lic.codec.manifest import FOLDERS_VARIABLE, find
from lic.codec.picture import list_pictures, read_picture
from lic.codec.pixels import Pixels
from lic.codec.weights import read_codec
from lic.evaluation.metrics import bd_rate, psnr
from lic.integer_networks.costs import costs

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
    parser.add_argument("--json", type=Path, help="A file that gets the numbers of the ids, too.")
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
        cost = costs(read_codec(find(name).file.read_bytes())[1])
        spent = (
            f"{cost.weight_bits:.1f}/{cost.activation_bits:.1f} bits, "
            f"{cost.bit_operations:.0f} kBitOps a pixel, {cost.bytes / 1e6:.2f} MB, "
            f"{cost.milliseconds:.0f} ms"
        )
        print(f"{name}: {rates}  {points}  {spent}", flush=True)
        if arguments.json:
            file = arguments.json
            results = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
            results[name] = {"bd_rate": statistics.fmean(known), **asdict(cost)}
            file.write_text(json.dumps(results, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
