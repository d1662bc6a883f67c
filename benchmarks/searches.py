"""Compare searches with the same ratings: their fronts, and how well these rank what was trained.

``python benchmarks/searches.py SEARCH... --out FIGURE``. SEARCH are folders of `lic search`, with
the same shared weights, cost and pictures. Prints the area below each front, as a fraction of what
lies between the best of all and --worst, and draws the fronts.

``--trained RESULTS`` is a file of ``benchmarks/quantized.py --json``, and ``--architecture
ID=FILE`` says which architecture each of its ids has: Kendall's tau of the ratings and the
BD-rates is printed, too.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.stats import kendalltau

from lic.quantization.search.evolution import fronts, hypervolume

Points = NDArray[np.float64]
MARKERS = "osD^vP*X"


def front_of(folder: Path) -> Points:
    """Losses and costs of the best that a search rated, by cost."""
    lines = (folder / "rated.jsonl").read_text(encoding="utf-8").splitlines()
    points = np.array([json.loads(line)[1:] for line in lines])
    best = points[fronts(points) == 0]
    found: Points = best[best[:, 1].argsort()]
    return found


def draw(found: dict[str, Points], worst: float, cost: str, out: Path) -> None:
    """The fronts up to the worst loss that counts, as steps."""
    figure = Figure((7, 4.5), layout="constrained")
    axes = figure.subplots()
    for marker, (name, points) in zip(MARKERS, found.items(), strict=False):
        axes.step(points[:, 1], points[:, 0], where="post", alpha=0.4, marker=marker, label=name)
    lowest = min(points[:, 0].min() for points in found.values())
    axes.set_ylim(lowest - 0.2, worst)
    axes.set_xlabel(cost)
    axes.set_ylabel("rate-distortion loss before training")
    axes.legend(frameon=False)
    axes.grid(alpha=0.25)
    figure.savefig(out, metadata={"Date": None} if out.suffix == ".svg" else None)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("searches", nargs="+", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--worst", type=float, nargs=2, metavar=("LOSS", "COST"), required=True)
    parser.add_argument("--cost", default="BitOps, thousands a pixel", help="Names the axis.")
    parser.add_argument("--trained", type=Path)
    parser.add_argument("--architecture", action="append", default=[], metavar="ID=FILE")
    arguments = parser.parse_args()
    loss, cost = arguments.worst
    found = {folder.name: front_of(folder) for folder in arguments.searches}
    every = np.concatenate(list(found.values()))
    whole = (loss - every[:, 0].min()) * (cost - every[:, 1].min())
    for name, points in found.items():
        area = hypervolume(points, (loss, cost)) / whole
        print(f"{name}: area {area:.4f}, {len(points)} on the front")
    if arguments.out:
        draw(found, loss, arguments.cost, arguments.out)
    if arguments.trained:
        results = json.loads(arguments.trained.read_text(encoding="utf-8"))
        pairs = []
        for one in arguments.architecture:
            name, _, file = one.partition("=")
            rated = json.loads(Path(file).read_text(encoding="utf-8"))["loss"]
            pairs.append((rated, results[name]["bd_rate"]))
            print(f"{name}: rated {rated:.3f}, BD-rate {results[name]['bd_rate']:+.2f} %")
        print(f"Kendall's tau {kendalltau(*zip(*pairs, strict=True)).statistic:.2f}")


if __name__ == "__main__":
    main()
