"""Ctrl-C and SIGTERM end a command as an error does: files are cleaned up, and one line is said."""

from __future__ import annotations

import signal
from types import FrameType

INTERRUPTED = 128 + signal.SIGINT
TERMINATED = 128 + signal.SIGTERM


class Terminated(SystemExit):
    """The program was asked to end."""

    def __init__(self) -> None:
        super().__init__(TERMINATED)


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated


def raise_on_termination() -> None:
    """Make SIGTERM raise `Terminated` in the main thread from now on."""
    signal.signal(signal.SIGTERM, _terminate)
