"""Progress on the terminal, for what takes longer than a moment."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_PATIENCE = 1.0
"""Seconds before a bar appears; rich is loaded only then."""


class Bar:
    """A context in which a bar on the terminal moves; where there is no terminal, nothing is shown.

    An instance is a `lic.codec.progress.Report`.
    """

    def __init__(self, what: str, shown: bool, unit: str = "") -> None:
        """``what`` is done; ``unit``, in the plural, is what its rate counts, if it has one."""
        self._what, self._unit = what, unit
        self._shown = shown and sys.stderr.isatty()
        self._start = time.monotonic()
        self._progress: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Bar:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def __call__(self, done: int, total: int) -> None:
        """Move the bar."""
        passed = time.monotonic() - self._start
        if not self._shown or passed < _PATIENCE:
            return
        if self._progress is None:
            self._open()
        assert self._progress is not None
        assert self._task is not None
        rate = f", {done / passed:.1f} {self._unit} a second" if self._unit else ""
        self._progress.update(
            self._task, completed=done, total=total, description=f"{self._what}{rate}"
        )

    def _open(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
        from rich.progress import TimeRemainingColumn as Remaining

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Remaining())
        self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
        self._progress.start()
        self._task = self._progress.add_task(self._what, total=None)
