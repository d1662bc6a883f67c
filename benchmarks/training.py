"""Where a training's time goes on this machine, and whether its memory grows.

    python benchmarks/training.py PICTURES                          # time by part
    python benchmarks/training.py PICTURES --preset tiny --steps 10000 --set batch=1 \
        --set crop=64 --set final_fraction=0                        # memory

Time is by Python's profiler, which costs well under a hundredth of a step here; on a GPU, whose
kernels run after the calls that start them, the parts tell nothing. Memory is the resident set
after each tenth of the steps.
"""

from __future__ import annotations

import cProfile
import pstats
import tempfile
from pathlib import Path
from typing import Any

import click
import torch

from lic.codec.picture import list_pictures
from lic.models import PRESETS, create_preset
from lic.training.config import TrainingConfig, override
from lic.training.data import CropDataset
from lic.training.loop import Trainer
from lic.training.observer import Observer
from lic.training.state import TrainingState

# Functions by file and name: what each part's time is the cumulative time of.
PARTS = {
    "forward": ("module.py", "_wrapped_call_impl"),
    "loss": ("losses.py", "rate_distortion_loss"),
    "backward": ("_tensor.py", "backward"),
    "crops": ("data.py", "batch"),
    "clipping": ("clip_grad.py", "clip_grad_norm_"),
    "optimizer": ("optimizer.py", "wrapper"),
    "whole": ("loop.py", "run"),
}


class _Memory(Observer):
    """An observer that prints the resident set after each tenth."""

    def on_step(self, state: TrainingState, fraction: float) -> None:
        tenths = 10 * fraction
        if abs(tenths - round(tenths)) < 1e-9:
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            click.echo(f"step {state.step}: {pages * 4096 / 1e6:.1f} MB")


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True))
@click.option("--preset", default="small", show_default=True)
@click.option("--steps", default=100, show_default=True)
@click.option("--threads", type=int, help="Of torch; by default, all cores.")
@click.option("--set", "assignments", multiple=True, metavar="KEY=VALUE")
def main(
    folder: Path, preset: str, steps: int, threads: int | None, assignments: tuple[str, ...]
) -> None:
    """Train for some steps on the pictures in FOLDER, and print time and memory."""
    if threads:
        torch.set_num_threads(threads)
    values = {"preset": preset, "steps": steps, "final_fraction": 0, "checkpoint_seconds": 1e6}
    config = TrainingConfig.from_values(override(values, assignments))
    model = create_preset(preset, config.model)
    device = torch.device("cpu")
    dataset = CropDataset(list_pictures([folder]), 256, 1e8, device)
    with tempfile.TemporaryDirectory() as out:
        trainer = Trainer(PRESETS[preset].model, model, config, dataset, [], Path(out), device)
        profile = cProfile.Profile()
        profile.runcall(trainer.run, _Memory())
    times: dict[str, float] = {}
    statistics: Any = pstats.Stats(profile)
    for (path, _, function), (_, _, _, cumulative, _) in statistics.stats.items():
        for part, (file, name) in PARTS.items():
            if function == name and Path(path).name == file:
                times[part] = max(times.get(part, 0.0), cumulative)
    whole = times.pop("whole")
    for part, seconds in times.items():
        click.echo(f"{part:>10}  {1000 * seconds / steps:8.2f} ms a step  {seconds / whole:6.1%}")
    network = times["forward"] + times["loss"] + times["backward"]
    click.echo(f"{'whole':>10}  {1000 * whole / steps:8.2f} ms a step")
    click.echo(f"forward, loss and backward together: {network / whole:.1%}")


if __name__ == "__main__":
    main()
