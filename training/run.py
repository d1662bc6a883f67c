"""A training from the command line's words to the end: data, devices, processes, progress."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from rich.console import Console
from rich.logging import RichHandler
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from lic.models import PRESETS
from lic.training.data import CropDataset
from lic.training.errors import TrainingError
from lic.training.loop import Trainer, TrainingConfig, TrainingState


def start(
    folders: list[Path],
    preset: str,
    out: Path,
    settings: dict[str, Any],
    device_name: str | None,
    resume: bool,
) -> None:
    """Train a preset on folders of pictures, into the folder ``out``.

    ``settings`` are values of `TrainingConfig` that differ from its defaults. Under torchrun, each
    process takes its own crops and the GPU of its rank.

    Raises
    ------
    TrainingError
        Unknown preset, no usable picture, a run that exists (without ``resume``) or does not
        (with it), or a training that diverges.
    """
    if preset not in PRESETS:
        raise TrainingError(f"no preset {preset!r}; there are {', '.join(PRESETS)}")
    if (out / "last.pt").exists() != resume:
        found = "holds a run already: continue it with --resume" if not resume else "holds no run"
        raise TrainingError(f"{out} {found}")
    rank, config = _join_processes(), TrainingConfig(**settings)
    console = Console(stderr=True)
    logging.basicConfig(level=logging.WARNING, handlers=[RichHandler(console=console)])
    largest = max(config.crop, config.final_crop)
    dataset = CropDataset(folders, largest, config.max_pixels, config.seed + 1000 * rank)
    device = _device(device_name)
    trainer = Trainer(PRESETS[preset].model, PRESETS[preset].config, config, dataset, out, device)
    if resume:
        trainer.resume()
    columns = (
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    try:
        with Progress(*columns, console=console, disable=rank > 0) as bar:
            task = bar.add_task("", total=1.0)

            def report(state: TrainingState) -> None:
                text = (
                    f"step {state.step}  {state.bpp:.3f} bpp  {state.psnr:.2f} dB  "
                    f"loss {state.loss:.3f}  skipped {state.skipped}"
                )
                bar.update(task, completed=state.fraction(config), description=text)

            trainer.run(report)
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


def _join_processes() -> int:
    """Join torchrun's process group, if there is one; gives this process's rank."""
    if "RANK" not in os.environ:
        return 0
    dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    return dist.get_rank()


def _device(name: str | None) -> torch.device:
    if name is None:
        local = os.environ.get("LOCAL_RANK", "0")
        name = f"cuda:{local}" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise TrainingError(f"no device {name!r}: {error}") from error
    return device
