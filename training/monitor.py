"""What one sees of a training while it runs: a line of progress, and TensorBoard's curves."""

from __future__ import annotations

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
from lic.training.checkpoint import TrainingState
from lic.training.loop import Observer
from lic.training.validation import QUALITIES, RatePoint, estimate

_CURVES = ("loss", "bpp", "psnr", "learning_rate")
_SHOWN = 3


class Monitor(Observer):
    """An observer for people; a context manager.

    TensorBoard's files go to the folder ``out``, if the package is installed.

    Parameters
    ----------
    out
        The run's folder.
    held_out
        The pictures (1, 3, H, W; uint8) whose reconstructions are shown; the first few.
    crops_per_step
        Crops that all processes together see in a step.
    console
        Where the line of progress goes.
    active
        False in all processes but the first: nothing is shown or written.
    first_step
        Of a resumed run: what TensorBoard has of later steps is overwritten.
    """

    def __init__(
        self,
        out: Path,
        held_out: Sequence[Tensor],
        crops_per_step: int,
        console: Console,
        active: bool = True,
        first_step: int = 0,
    ) -> None:
        self.held_out = held_out[:_SHOWN]
        self.crops_per_step = crops_per_step
        self._writer: Any = _summary_writer(out, first_step) if active else None
        self._bar = Progress(
            BarColumn(20),
            TaskProgressColumn(),
            TextColumn("{task.description}"),
            console=console,
            refresh_per_second=2,
            disable=not active,
        )
        self._task = self._bar.add_task("", total=1.0)
        self._began: tuple[float, float, int] | None = None

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
        if self._writer is not None:
            self._writer.close()

    def on_step(self, state: TrainingState, fraction: float) -> None:
        """Show the step."""
        now = time.monotonic()
        if self._began is None:
            self._began = (now, fraction, state.step)
        began, first_fraction, first_step = self._began
        elapsed = max(now - began, 1e-9)
        rate = (state.step - first_step) * self.crops_per_step / elapsed
        done = fraction - first_fraction
        left = elapsed * (1 - fraction) / done if done > 0 else 0.0
        text = (
            f"step {state.step}  {state.bpp:.3f} bpp  {state.psnr:.2f} dB  loss {state.loss:.3f}  "
            f"{rate:.1f} images/s  {_clock(left)} left"
        )
        if state.skipped:
            text += f"  {state.skipped} skipped"
        self._bar.update(self._task, completed=fraction, description=text)

    def on_history(self, row: Sequence[float]) -> None:
        """Write the curves of training."""
        step, _, *values = row
        for name, value in zip(_CURVES, values, strict=True):
            self._scalar(f"training/{name}", value, int(step))

    def on_validation(self, step: int, points: Sequence[RatePoint], model: CodecModel) -> None:
        """Write the curves of validation, and reconstructions beside their originals."""
        for point in points:
            name = f"quality_{round(100 * point.quality)}"
            self._scalar(f"validation_bpp/{name}", point.bpp, step)
            self._scalar(f"validation_psnr/{name}", point.psnr, step)
        if self._writer is None:
            return
        for index, picture in enumerate(self.held_out):
            shown = [picture, *(estimate(model, picture, q)[0].cpu() for q in QUALITIES)]
            self._writer.add_image(f"reconstructions/{index}", torch.cat(shown, dim=3)[0], step)

    def _scalar(self, name: str, value: float, step: int) -> None:
        if self._writer is not None:
            self._writer.add_scalar(name, value, step)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


def _summary_writer(out: Path, first_step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(out, purge_step=first_step)
