"""A training from the command line's words to the end: data, devices, processes, progress."""

from __future__ import annotations

import logging
import math
import os
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from rich.console import Console
from rich.logging import RichHandler
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from lic.models import PRESETS, Preset
from lic.training.data import CropDataset
from lic.training.errors import TrainingError
from lic.training.loop import CHECKPOINT, Trainer, TrainingConfig, TrainingState


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
    if (out / CHECKPOINT).exists() != resume:
        found = "holds a run already: continue it with --resume" if not resume else "holds no run"
        raise TrainingError(f"{out} {found}")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TrainingError(f"cannot make the folder {out}: {error.strerror}") from error
    config = TrainingConfig(**settings)
    if not math.isfinite(config.minutes):
        raise TrainingError("the minutes must be a finite number")
    device = _device(device_name)
    if "RANK" in os.environ:  # torchrun's
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        _train(folders, PRESETS[preset], out, config, device, resume)
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


def _train(
    folders: list[Path],
    preset: Preset,
    out: Path,
    config: TrainingConfig,
    device: torch.device,
    resume: bool,
) -> None:
    console = Console(stderr=True)
    logging.basicConfig(level=logging.WARNING, handlers=[RichHandler(console=console)])
    largest = max(config.crop, config.final_crop)
    dataset = CropDataset(folders, largest, config.max_pixels)
    trainer = Trainer(preset.model, preset.config, config, dataset, out, device)
    if resume:
        trainer.resume()
    columns = (
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=console, disable=trainer.rank > 0) as bar:
        task = bar.add_task("", total=1.0)

        def report(state: TrainingState) -> None:
            text = (
                f"step {state.step}  {state.bpp:.3f} bpp  {state.psnr:.2f} dB  "
                f"loss {state.loss:.3f}  skipped {state.skipped}"
            )
            bar.update(task, completed=state.fraction(config), description=text)

        trainer.run(report)


def _device(name: str | None) -> torch.device:
    """The device of a name, by default the GPU if there is one; a process's own of several."""
    if name is None:
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda":
        name = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise TrainingError(f"no device {name!r}: {error}") from error
    if device.type == "cuda":
        torch.cuda.set_device(device)
    return device
