"""What each choice of a training is worth: many short trainings, one choice changed in each.

    python benchmarks/recipe.py PICTURES --kodak KODAK --out RESULTS [--study mlic]

Unless its name says otherwise, a training has the same number of steps of the same number of
pixels, on one thread. BD-rate is against VTM's curve on Kodak, by the estimated rate. A variant
whose result is in RESULTS is not run again, so that the table can be made in parts.
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import torch

from lic.codec.picture import list_pictures
from lic.evaluation import anchors
from lic.evaluation.metrics import bd_rate
from lic.models import PRESETS, create_preset
from lic.training.config import TrainingConfig, override
from lic.training.data import CropDataset, validation_crops
from lic.training.errors import TrainingError
from lic.training.loop import Trainer
from lic.training.observer import Observer
from lic.training.state import TrainingState
from lic.training.validation import validate

QUALITIES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)

# The crops as they are, each with its whole loss: what the published tables were made with.
PLAIN = ("recolour=0", "crop_limit=1e9")

# The preset `small` at half its widths: a training fits into minutes.
SMALL = (
    *PLAIN,
    "model.width=64",
    "model.latents=128",
    "model.hyper=48",
    "model.hyper_width=64",
    "model.features=96",
    "model.context_width=96",
    "learning_rate=3e-3",
    "warmup=200",
    "final_fraction=0",
)
RECIPE: dict[str, tuple[str, ...]] = {
    "base": (),
    "another seed": ("seed=1",),
    "rate 1.5e-3": ("learning_rate=1.5e-3",),
    "rate 6e-3": ("learning_rate=6e-3",),
    "rate 1.2e-2": ("learning_rate=1.2e-2",),
    "K = 1": ("model.components=1",),
    "no linear start": ("linear_start=false",),
    "no context": ("model.context_steps=1",),
    "context in two steps": ("model.context_steps=2",),
    "cosine": ("schedule=cosine",),
    "2 crops of 256": ("batch=2", "crop=256"),
    "32 crops of 64": ("batch=32", "crop=64"),
    "last fifth: 2 crops of 256": ("final_fraction=0.2",),
    "twice the expansion, half the blocks": (
        "model.analysis_expansions=[2]",
        "model.analysis_latent_expansions=[2]",
        "model.synthesis_latent_expansions=[2]",
        "model.synthesis_expansions=[2]",
        "model.analysis_depth=1",
        "model.synthesis_depth=2",
    ),
    "half of the steps rescaled": ("rescale=0.5",),
    "1.6 times the steps": ("steps=4000",),
    "two blocks at 1/16": ("model.analysis_latent_depth=2", "model.synthesis_latent_depth=2"),
    "K = 2": ("model.components=2",),
    "no EMA": ("ema=0",),
    "no weight decay": ("weight_decay=0",),
    "float32": ("bf16=false",),
}

MLIC = (
    *PLAIN,
    "preset=mlicv2-s",
    "batch=4",
    "learning_rate=2e-3",
    "warmup=150",
    "ema=0.99",
    "final_fraction=0",
    "shares.selection=0",
)
ABLATION: dict[str, tuple[str, ...]] = {
    "base": (),
    "rate 4e-3": ("learning_rate=4e-3",),
    "another seed": ("seed=1",),
    "the selection's stage in addition": ("steps=900", "shares.selection=0.1111111111"),
    "K = 1": ("model.components=1",),
    "no token mixing": ("model.token_mixing=false",),
    "no channel context": ("model.channel_context=false",),
    "no local context": ("model.local_context=false",),
    "no inter-slice context": ("model.inter_slice=false",),
    "no intra-slice context": ("model.intra_slice=false",),
    "no hyperprior-guided prediction": ("model.hyperprior_guided=false",),
    "no channel reweighting": ("model.reweighting=false",),
    "no rotary positions": ("model.rotary=false",),
    "no latent residual prediction": ("model.residual_prediction=false",),
    "no context at all": (
        "model.channel_context=false",
        "model.local_context=false",
        "model.inter_slice=false",
        "model.intra_slice=false",
        "model.hyperprior_guided=false",
    ),
    "a third seed": ("seed=2",),
}


@dataclass(frozen=True)
class Study:
    """Variants of one training."""

    steps: int
    base: tuple[str, ...]
    variants: dict[str, tuple[str, ...]]


STUDIES = {"recipe": Study(2500, SMALL, RECIPE), "mlic": Study(800, MLIC, ABLATION)}


class _Printer(Observer):
    """An observer that prints a line now and then."""

    def __init__(self, name: str) -> None:
        self.name = name

    def on_step(self, state: TrainingState, fraction: float) -> None:
        if state.step % 250 == 0:
            click.echo(f"{self.name}: {100 * fraction:.0f} %, loss {state.loss:.3f}", err=True)


def measure(
    name: str, config: TrainingConfig, dataset: CropDataset, kodak: list[torch.Tensor], out: Path
) -> dict[str, Any]:
    """Train by the settings, and measure on Kodak."""
    torch.manual_seed(config.seed)
    model = create_preset(config.preset, config.model)
    trainer = Trainer(
        PRESETS[config.preset].model, model, config, dataset, [], out / "run", torch.device("cpu")
    )
    began = time.process_time()
    try:
        trainer.run(_Printer(name))
    except TrainingError as error:
        return {"error": str(error)}
    milliseconds = 1000 * (time.process_time() - began) / config.steps
    points = validate(trainer.averaged, kodak, QUALITIES)
    vtm = anchors.kodak()["VTM"]
    curve = [p.bpp for p in points], [p.psnr for p in points]
    return {
        "bd_rate": bd_rate(vtm["bpp"], vtm["psnr"], *curve),
        "bpp": curve[0],
        "psnr": curve[1],
        "ms_per_step": milliseconds,
        "skipped": trainer.progress.skipped,
    }


def table(results: dict[str, dict[str, Any]]) -> str:
    """The results in Markdown, with the difference to the first."""
    lines = [
        "| variant | BD-rate against VTM | to the base | CPU time a step |",
        "|---|---|---|---|",
    ]
    base = results.get("base", {"bd_rate": math.nan, "ms_per_step": math.nan})
    for name, row in results.items():
        if "error" in row:
            lines.append(f"| {name} | {row['error']} | | |")
            continue
        lines.append(
            f"| {name} | {row['bd_rate']:+.1f} % | {row['bd_rate'] - base['bd_rate']:+.1f} "
            f"| {row['ms_per_step'] / base['ms_per_step']:.2f} |"
        )
    return "\n".join(lines)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True))
@click.option("--kodak", required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--out", required=True, type=click.Path(path_type=Path))
@click.option("--study", "name", default="recipe", type=click.Choice(list(STUDIES)))
@click.option("--only", multiple=True, help="variants to run, if not all")
def main(folder: Path, kodak: Path, out: Path, name: str, only: tuple[str, ...]) -> None:
    """Run the variants that are missing in OUT, and print the table of those that are there."""
    torch.set_num_threads(1)
    pictures = validation_crops(list_pictures([kodak]), 768)
    dataset = CropDataset(list_pictures([folder]), 256, 4e8, torch.device("cpu"))
    study = STUDIES[name]
    out /= name
    out.mkdir(parents=True, exist_ok=True)
    for variant in set(only) - set(study.variants):
        raise click.BadParameter(f"{variant!r} is none of {', '.join(study.variants)}")
    results = {}
    for variant, changes in study.variants.items():
        path = out / f"{variant.replace('/', ' by ')}.json"
        if not path.exists() and (not only or variant in only):
            values = {"steps": study.steps, "checkpoint_seconds": 1e6}
            config = TrainingConfig.from_values(override(values, (*study.base, *changes)))
            path.write_text(json.dumps(measure(variant, config, dataset, pictures, out)))
        if path.exists():
            results[variant] = json.loads(path.read_text())
    click.echo(table(results))


if __name__ == "__main__":
    main()
