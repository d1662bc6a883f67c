"""Reports of how far a long call has come."""

from __future__ import annotations

from collections.abc import Callable

Report = Callable[[int, int], None]
"""Takes how much is done, and of how much."""


def ignore(done: int, total: int) -> None:
    """A report to nobody."""
