"""Print a table of an evaluation by picture.

``python benchmarks/by_picture.py REPORT/pictures.csv ID --reference AVIF --settings 15 45 75``.
REPORT is a folder of `lic eval`. For each picture, rate and PSNR at some qualities, and the BD-rate
(PSNR) against another codec of the same report; the pictures with the highest come first.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

from lic.evaluation.metrics import bd_rate
from lic.evaluation.sweep import Row, read_rows


def curve(rows: list[Row]) -> tuple[list[float], list[float]]:
    """Rates and PSNRs, by rate."""
    points = sorted((row.bpp, row.psnr) for row in rows)
    return [bpp for bpp, _ in points], [db for _, db in points]


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", type=Path)
    parser.add_argument("codec")
    parser.add_argument("--reference", default="AVIF")
    parser.add_argument("--settings", type=float, nargs="+", default=[15, 45, 75])
    arguments = parser.parse_args()
    found: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in read_rows(arguments.rows):
        found[row.codec, row.picture].append(row)
    pictures = sorted({picture for codec, picture in found if codec == arguments.codec})
    rates = {
        picture: bd_rate(
            *curve(found[arguments.reference, picture]), *curve(found[arguments.codec, picture])
        )
        for picture in pictures
    }
    columns = " | ".join(f"{setting:g}" for setting in arguments.settings)
    print(f"| picture | {columns} | against {arguments.reference} |")
    print("|---" * (len(arguments.settings) + 2) + "|")
    for picture in sorted(pictures, key=rates.__getitem__, reverse=True):
        at = {row.setting: row for row in found[arguments.codec, picture]}
        cells = [f"{at[s].bpp:.3f}, {at[s].psnr:.2f} dB" for s in arguments.settings]
        print(f"| {Path(picture).stem} | {' | '.join(cells)} | {rates[picture]:+.1f} % |")


if __name__ == "__main__":
    main()
