"""A training from the settings of the command line to the end."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
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

from lic.codec.errors import WeightsError
from lic.codec.manifest import float_weights_file
from lic.codec.output import make_folder, write_file
from lic.models import (
    PRESETS,
    CodecModel,
    GrowthError,
    Stage,
    UnknownModelError,
    create_model,
    full_config,
)
from lic.models.weights_file import WeightsFileError, load_network
from lic.training.checkpoint import CHECKPOINT, load_checkpoint
from lic.training.config import (
    CONFIG,
    TrainingConfig,
    override,
    read_values,
    with_current_names,
)
from lic.training.data import CropDataset, split, summary, validation_crops
from lic.training.device import open_device
from lic.training.errors import SettingsError, TrainingError, TrainingInterruptedError
from lic.training.graphics import graphics
from lic.training.loop import Trainer
from lic.training.monitor import Monitor
from lic.training.processes import leads, process_group
from lic.training.snapshot import read_snapshot
from lic.training.state import TrainingState
from lic.training.validation import SIDE


@dataclass(frozen=True)
class Finished:
    """The result of a training that came to its end."""

    state: TrainingState
    held_out: list[Path]
    model: CodecModel
    """With the averaged weights."""


Conversion = Callable[[CodecModel], tuple[CodecModel, Sequence[Stage]]]
"""A network to what is trained in its place, and in what stages."""


def gather_settings(
    out: Path,
    config: Path | None,
    given: dict[str, Any],
    assignments: Sequence[str],
    resume: bool,
    snapshot: Path | None = None,
) -> TrainingConfig:
    """The settings of a run: those of a file, changed by those that are given.

    With ``resume`` the file is the run's own, with ``snapshot`` the settings are those in it.
    ``given`` are keys and values of the command's options, ``assignments`` those of ``--set``.

    Raises
    ------
    SettingsError
        As for `TrainingConfig.from_values`; and for a file beside ``resume`` or ``snapshot``.
    TrainingError
        If there is a run in ``out`` already, or (with ``resume``) none; or if the snapshot cannot
        be read.
    """
    if (out / CHECKPOINT).exists() != resume:
        found = "holds no run" if resume else "holds a run already: continue it with --resume"
        raise TrainingError(f"{out} {found}")
    if (resume or snapshot) and config is not None:
        raise SettingsError("a run is resumed with its own settings, not with another file's")
    if resume and snapshot is not None:
        raise SettingsError(
            "a run is resumed from its checkpoint or from a snapshot, not from both"
        )
    source = out / CONFIG if resume else config
    values = read_values(source) if source is not None else {}
    if snapshot is not None:
        values = read_snapshot(snapshot)["training"]
    values = {**with_current_names(values), **given}
    for one, other in (("minutes", "steps"), ("steps", "minutes")):
        if one in given:  # a new budget replaces the old one, of either kind
            values[other] = 0
    return TrainingConfig.from_values(override(values, assignments))


def start(
    config: TrainingConfig,
    out: Path,
    device_name: str | None,
    resume: bool,
    snapshot: Path | None = None,
    convert: Conversion | None = None,
) -> Finished | None:
    """Train by the settings, into the folder ``out``, where they are saved.

    ``convert`` makes something else of the network before it is trained, by stages of its own.

    With ``resume``, the run in ``out`` goes on; with ``snapshot``, one that was snapshotted. Under
    torchrun, each process takes its own crops and the GPU of its rank; all but the first return
    None.

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
    device = open_device(device_name)
    saved = None
    if resume:
        saved = load_checkpoint(out, torch.device("cpu"))
    elif snapshot is not None:
        saved = read_snapshot(snapshot)
    make_folder(out)
    interruption = None
    with process_group(device):
        try:
            return _train(config, device, out, saved, convert)
        except TrainingInterruptedError as error:
            # All processes stop together, and can leave the group in order. The traceback is
            # dropped, since it would keep the trainer alive.
            interruption = error.with_traceback(None)
    raise interruption


def _train(
    config: TrainingConfig,
    device: torch.device,
    out: Path,
    saved: dict[str, Any] | None,
    convert: Conversion | None,
) -> Finished | None:
    """Train the network as one of the processes; all but the first return None."""
    console = Console(stderr=True, quiet=not leads())
    name, model = _network(config, saved, console)
    stages = None
    if convert is not None:
        model, stages = convert(model)
    dataset, held_out, paths = _pictures(config, device, console)
    trainer = Trainer(name, model, config, dataset, held_out, out, device, stages)
    if saved is not None:
        trainer.restore(saved)
    if leads():
        write_file(out / CONFIG, config.to_toml().encode("utf-8", "surrogateescape"))
    world = dist.get_world_size() if dist.is_initialized() else 1
    with (
        _stopped_by_signals(trainer),
        Monitor(out, held_out, world, console, leads(), trainer.progress) as monitor,
    ):
        trainer.run(monitor)
    return Finished(trainer.progress, paths, trainer.averaged) if leads() else None


def _network(
    config: TrainingConfig, saved: dict[str, Any] | None, console: Console
) -> tuple[str, CodecModel]:
    """The network of a saved state, or of the weights to start from, or a new one."""
    if saved is not None:  # the weights that the run began with may be gone by now
        model = create_model(saved["model_name"], saved["model_config"])
        if config.network(saved["model_name"], full_config(model)) != full_config(model):
            raise TrainingError("a run that goes on cannot become another network")
        return saved["model_name"], model
    torch.manual_seed(config.seed)
    if not config.init:
        preset = PRESETS[config.preset]
        return preset.model, _create(preset.model, config.network(preset.model, preset.config))
    try:
        name, source = load_network(float_weights_file(config.init))
    except WeightsFileError as error:
        raise WeightsError(f"weights {config.init!r} cannot be loaded: {error}") from error
    base = full_config(source)
    if config.preset:
        name, base = PRESETS[config.preset].model, PRESETS[config.preset].config
    model = _create(name, config.network(name, base))
    try:
        growth = model.take_over(source)
    except GrowthError as error:
        raise SettingsError(f"the network of {config.init} cannot become this: {error}") from error
    if growth.enlarged or growth.new:
        console.print(growth.summary(), markup=False, highlight=False)
    return name, model


def _create(name: str, config: dict[str, Any]) -> CodecModel:
    try:
        return create_model(name, config)
    except (UnknownModelError, ValueError, ArithmeticError, RuntimeError) as error:
        raise SettingsError(f"there is no network of these sizes: {error}") from error


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
        dataset = CropDataset(
            paths,
            largest,
            config.max_pixels,
            device,
            lambda: bar.advance(task),
            lambda pixels: graphics(config.graphics, pixels, largest, config.seed),
        )
    held_out = validation_crops(val_paths, SIDE)
    console.print(
        f"{dataset.photographs} pictures to train on, {len(held_out)} held out, "
        f"{len(dataset.skipped)} skipped"
    )
    if dataset.skipped:
        console.print(summary(dataset.skipped), style="yellow", markup=False, soft_wrap=True)
    return dataset, held_out, val_paths


@contextmanager
def _stopped_by_signals(trainer: Trainer) -> Iterator[None]:
    """A context in which Ctrl-C and SIGTERM end the run after a checkpoint; repeated, at once."""

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
