"""Shows a training while it runs: a line of progress, and TensorBoard's curves."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from torch import Tensor

from lic.models import CodecModel
from lic.models.stage import Output
from lic.training.observer import Observer
from lic.training.state import HistoryRow, TrainingState
from lic.training.validation import QUALITIES, RatePoint, estimate

_CURVES = ("loss", "bpp", "psnr", "learning_rate")
_SHOWN = 3


class Monitor(Observer):
    """An observer that shows the training to people; a context manager.

    TensorBoard's files go to the folder ``out``, if the package is installed and as long as they
    can be written.

    Parameters
    ----------
    out
        The run's folder.
    held_out
        The pictures (1, 3, H, W; uint8) whose reconstructions are shown; the first few.
    processes
        How many processes train.
    console
        Where the line of progress goes.
    active
        False in all processes but the first: nothing is shown or written.
    state
        Where the run begins. What TensorBoard has of later steps is overwritten.
    """

    def __init__(
        self,
        out: Path,
        held_out: Sequence[Tensor],
        processes: int,
        console: Console,
        active: bool,
        state: TrainingState,
    ) -> None:
        self.held_out = held_out[:_SHOWN]
        self.processes = processes
        self._console = console
        self._first_crops = state.crops
        self._writer: Any = None
        if active:
            self._open(out, state.step + 1 if state.step else None)
        self._bar = Progress(
            BarColumn(20),
            TaskProgressColumn(),
            TextColumn("{task.description}"),
            console=console,
            refresh_per_second=2,
            disable=not active,
        )
        self._task = self._bar.add_task("", total=1.0)
        self._began: tuple[float, float] | None = None

    def __enter__(self) -> Monitor:
        self._bar.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.__exit__(kind, error, trace)
        self._write("close")

    def on_step(self, state: TrainingState, fraction: float) -> None:
        """Show the step."""
        now = time.monotonic()
        if self._began is None:
            self._began = (now, fraction)
            self._first_crops = state.crops
        began, first_fraction = self._began
        elapsed = max(now - began, 1e-9)
        rate = (state.crops - self._first_crops) * self.processes / elapsed
        done = fraction - first_fraction
        left = elapsed * (1 - fraction) / done if done > 0 else 0.0
        learned = f"{state.bpp:.3f} bpp  {state.psnr:.2f} dB  loss {state.loss:.3f}"
        if math.isfinite(state.stage_loss):
            learned = f"stage {state.stage}, loss {state.stage_loss:.4f}"
            self._write("add_scalar", f"training/loss_{state.stage}", state.stage_loss, state.step)
        text = f"step {state.step}  {learned}  {rate:.1f} images/s  {_clock(left)} left"
        if state.skipped:
            text += f"  {state.skipped} skipped"
        self._bar.update(self._task, completed=fraction, description=text)

    def on_history(self, row: HistoryRow) -> None:
        """Write the curves of training."""
        for name in _CURVES:
            self._write("add_scalar", f"training/{name}", getattr(row, name), row.step)

    def on_validation(
        self, step: int, points: Sequence[RatePoint], model: CodecModel, output: Output | None
    ) -> None:
        """Print and write rate and PSNR, and write reconstructions beside their originals."""
        told = ", ".join(f"{point.bpp:.3f} bpp {point.psnr:.2f} dB" for point in points)
        self._console.print(f"step {step}, held-out pictures: {told}", highlight=False)
        for point in points:
            name = f"quality_{round(100 * point.quality)}"
            self._write("add_scalar", f"validation_bpp/{name}", point.bpp, step)
            self._write("add_scalar", f"validation_psnr/{name}", point.psnr, step)
        for index, picture in enumerate(self.held_out if self._writer is not None else ()):
            decoded = (estimate(model, picture, q, output)[0].cpu() for q in QUALITIES)
            shown = [picture, *decoded]
            strip = torch.cat(shown, dim=3)[0]
            self._write("add_image", f"reconstructions/{index}", strip, step)

    def _open(self, out: Path, purge_step: int | None) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(out, purge_step=purge_step)
        except ImportError:
            self._console.print("without TensorBoard's files: pip install 'lic[training]'")
        except OSError as error:
            self._drop(error)

    def _write(self, method: str, *values: Any) -> None:
        """Call a method of TensorBoard's writer, if there is one."""
        if self._writer is None:
            return
        try:
            getattr(self._writer, method)(*values)
        except OSError as error:
            self._drop(error)

    def _drop(self, error: OSError) -> None:
        """Go on without curves: the training must not end because they cannot be written."""
        self._writer = None
        self._console.print(f"TensorBoard's files cannot be written: {error}", markup=False)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
