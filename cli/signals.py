"""Ctrl-C and SIGTERM end a command as an error does: files are cleaned up, and one line is said."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 128 + signal.SIGINT
TERMINATED = 128 + signal.SIGTERM


class Terminated(SystemExit):
    """The program was asked to end."""


def _terminate(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a second one does not wait for the first
    raise Terminated(TERMINATED)


def _end(number: int, frame: FrameType | None) -> None:
    os.write(2, b"lic: interrupted\n")
    os._exit(INTERRUPTED)


def end_on_interruption() -> None:
    """Make Ctrl-C end the program with one line until `raise_on_termination` is called.

    It is for the time when modules are loaded: there is nothing to clean up, and a module may take
    KeyboardInterrupt for an error of its own. Where Ctrl-C is ignored, it stays so.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


def raise_on_termination() -> None:
    """Make SIGTERM raise `Terminated` from now on, if this is the main thread.

    Ctrl-C raises KeyboardInterrupt again after `end_on_interruption`.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _terminate)
        if signal.getsignal(signal.SIGINT) is _end:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def say_no_more() -> None:
    """Discard what is written to standard error from now on.

    Python 3.11 sometimes reports that threads end in disorder when a signal came while one was
    waited for; the program has said its line already.
    """
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    os.close(nothing)


@contextmanager
def interruptions_ignored() -> Iterator[None]:
    """A context in which Ctrl-C is ignored; processes that start in it ignore it for ever."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
