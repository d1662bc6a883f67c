"""The training loss of rendered graphics beside that of photographs: why a crop's loss is limited.

``python benchmarks/graphics.py PICTURES``. For each kind and quality, the mean (and the largest)
loss of 16 crops of 192x192, with installed weights.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lic.codec.manifest import float_weights_file
from lic.models.weights_file import load_network
from lic.training.data import split, validation_crops
from lic.training.graphics import KINDS
from lic.training.losses import mean_squared_error, rate_distortion_loss

SIDE = 192
QUALITIES = (10, 50, 90)


def main() -> None:
    """Measure and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", type=Path, help="folder; those held out from training are used")
    parser.add_argument("--weights", default="small-2")
    arguments = parser.parse_args()
    model = load_network(float_weights_file(arguments.weights))[1].eval()
    random = np.random.default_rng(0)
    crops: dict[str, list[Tensor]] = {
        "photographs": validation_crops(split([arguments.pictures], None)[1], SIDE)
    }
    for draw in KINDS:
        drawn = (torch.from_numpy(draw(random, SIDE).copy()) for _ in range(16))
        crops[draw.__name__] = [pixels.permute(2, 0, 1)[None] for pixels in drawn]

    @torch.inference_mode()
    def loss(crop: Tensor, quality: int) -> float:
        x, qualities = crop.float() / 255, torch.tensor([quality / 100])
        trade_off = model.lambda_at(qualities)
        return float(rate_distortion_loss(model(x, qualities), x, trade_off, mean_squared_error)[0])

    print("| quality | " + " | ".join(crops) + " |\n" + "|---" * (len(crops) + 1) + "|")
    for quality in QUALITIES:
        losses = [[loss(crop, quality) for crop in kind] for kind in crops.values()]
        cells = (f"{np.mean(kind):.1f} ({np.max(kind):.0f})" for kind in losses)
        print(f"| {quality} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
