"""A training from the command line's words to the end: settings, data, devices, processes."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import torch
import torch.distributed as dist
from rich.console import Console
from rich.progress import Progress
from torch import Tensor

from lic.codec.output import write_file
from lic.codec.weights import load_network, weights_file
from lic.models import PRESETS, CodecModel, UnknownModelError, create_model, create_preset
from lic.training.checkpoint import CHECKPOINT, TrainingState, load_checkpoint
from lic.training.config import CONFIG, TrainingConfig, override, read_values
from lic.training.data import CropDataset, split, summary, validation_crops
from lic.training.errors import SettingsError, TrainingError, TrainingInterruptedError
from lic.training.loop import Trainer
from lic.training.monitor import Monitor
from lic.training.processes import leads, process_group
from lic.training.validation import SIDE


@dataclass(frozen=True)
class Finished:
    """A training that came to its end: what it did, and its held-out pictures."""

    state: TrainingState
    held_out: list[Path]


def gather_settings(
    out: Path, config: Path | None, given: dict[str, Any], assignments: Sequence[str], resume: bool
) -> TrainingConfig:
    """The settings of a run: of a file (with ``resume`` the run's own), then those given.

    ``given`` are keys and values of the command's options, ``assignments`` those of ``--set``.

    Raises
    ------
    SettingsError
        As for `TrainingConfig.from_values`; and for a file beside ``resume``.
    TrainingError
        If there is a run in ``out`` already, or (with ``resume``) none.
    """
    if (out / CHECKPOINT).exists() != resume:
        found = "holds no run" if resume else "holds a run already: continue it with --resume"
        raise TrainingError(f"{out} {found}")
    if resume and config is not None:
        raise SettingsError("a run is resumed with its own settings, not with another file's")
    source = out / CONFIG if resume else config
    values = {**(read_values(source) if source is not None else {}), **given}
    for one, other in (("minutes", "steps"), ("steps", "minutes")):
        if one in given:  # a new budget replaces the old one, of either kind
            values[other] = 0
    return TrainingConfig.from_values(override(values, assignments))


def start(
    config: TrainingConfig, out: Path, device_name: str | None, resume: bool
) -> Finished | None:
    """Train by the settings, into the folder ``out``, where they are saved.

    Under torchrun, each process takes its own crops and the GPU of its rank; all but the first
    return None.

    Raises
    ------
    TrainingError
        No usable picture, no such device, a training that diverges; as a
        TrainingInterruptedError after Ctrl-C or SIGTERM, with a checkpoint to resume from.
    WeightsError
        If the weights to start from cannot be loaded.
    """
    if not config.folders:
        raise SettingsError("there is no folder to train on")
    device = _device(device_name)
    name, model = _network(config, out, resume)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TrainingError(f"cannot make the folder {out}: {error.strerror}") from error
    interruption = None
    with process_group(device):
        try:
            return _train(config, name, model, device, out, resume)
        except TrainingInterruptedError as error:
            # All processes stop together, and can leave the group in order: without the
            # traceback, which would keep the trainer.
            interruption = error.with_traceback(None)
    raise interruption


def _train(
    config: TrainingConfig,
    name: str,
    model: CodecModel,
    device: torch.device,
    out: Path,
    resume: bool,
) -> Finished | None:
    """Train the network as one of the processes; all but the first return None."""
    console = Console(stderr=True, quiet=not leads())
    dataset, held_out, paths = _pictures(config, device, console)
    trainer = Trainer(name, model, config, dataset, held_out, out, device)
    if resume:
        trainer.resume()
    if leads():
        write_file(out / CONFIG, config.to_toml().encode("utf-8", "surrogateescape"))
    world = dist.get_world_size() if dist.is_initialized() else 1
    with (
        _stopped_by_signals(trainer),
        Monitor(out, held_out, world, console, leads(), trainer.progress) as monitor,
    ):
        trainer.run(monitor)
    return Finished(trainer.progress, paths) if leads() else None


def _network(config: TrainingConfig, out: Path, resume: bool) -> tuple[str, CodecModel]:
    """A new network of the preset, or that of the weights to start from, or to go on with."""
    if config.init and resume:  # those weights may be gone by now
        state = load_checkpoint(out, torch.device("cpu"))
        return state["model_name"], create_model(state["model_name"], state["model_config"])
    if config.init:
        return load_network(weights_file(config.init))
    torch.manual_seed(config.seed)
    try:
        model = create_preset(config.preset, config.model)
    except (UnknownModelError, ValueError, ArithmeticError, RuntimeError) as error:
        raise SettingsError(f"there is no network of these sizes: {error}") from error
    return PRESETS[config.preset].model, model


def _pictures(
    config: TrainingConfig, device: torch.device, console: Console
) -> tuple[CropDataset, list[Tensor], list[Path]]:
    """The training pictures, the crops to validate on, and the held-out pictures' paths."""
    folders = [Path(folder) for folder in config.folders]
    val = Path(config.val) if config.val else None
    for folder in (*folders, val):
        if folder is not None and not folder.is_dir():
            raise TrainingError(f"there is no folder {folder}")
    paths, val_paths = split(folders, val)
    largest = max(config.crop, config.final_crop)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("reading pictures", total=len(paths))
        dataset = CropDataset(paths, largest, config.max_pixels, device, lambda: bar.advance(task))
    held_out = validation_crops(val_paths, SIDE)
    console.print(
        f"{len(dataset)} pictures to train on, {len(held_out)} held out, "
        f"{len(dataset.skipped)} skipped"
    )
    if dataset.skipped:
        console.print(summary(dataset.skipped), style="yellow", markup=False)
    return dataset, held_out, val_paths


@contextmanager
def _stopped_by_signals(trainer: Trainer) -> Iterator[None]:
    """While it lasts, Ctrl-C and SIGTERM end the run after a checkpoint; the second one at once."""

    def stop(number: int, _: FrameType | None) -> None:
        trainer.stopping = True
        signal.signal(number, before[signal.Signals(number)])

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


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
        torch.set_float32_matmul_precision("high")
        torch.backends.cudnn.benchmark = True
    return device
