"""Output files that are complete or absent."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from lic.codec.errors import OutputError

try:
    import fcntl
except ImportError:  # Windows, where abandoned temporary files stay
    fcntl = None  # type: ignore[assignment]

# Temporary names do not contain the target's, which may be as long as a name can be.
_PREFIX, _SUFFIX = ".lic-", ".tmp"


def write_file(path: Path, data: bytes) -> None:
    """Write ``data`` beside ``path`` under a temporary name, then rename.

    A symbolic link stays one: its target is replaced. What is not a regular file (a device, a pipe)
    is written to as it is.

    Raises
    ------
    OutputError
        If the file cannot be written; nothing is left behind then.
    """
    try:
        if not _is_regular_or_absent(path):
            path.write_bytes(data)
            return
        target = Path(os.path.realpath(path))
        with _temporary(target.parent) as (temporary, file):
            file.write(data)
            file.flush()
            if fcntl is None:
                file.close()  # Windows does not rename open files
            temporary.replace(target)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error


def make_folder(folder: Path) -> None:
    """Make a folder, and those around it; raises OutputError if that is impossible."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {folder}: {error.strerror}") from error


def _is_regular_or_absent(path: Path) -> bool:
    """By the file itself: the name that a link such as /dev/stdout leads to may be none."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        return True


@contextmanager
def _temporary(folder: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """A new file, locked while it is open; it is gone afterwards unless it was renamed."""
    path = folder / f"{_PREFIX}{os.urandom(8).hex()}{_SUFFIX}"
    try:
        with path.open("xb") as file:
            _lock(file)
            # Another program may have found the file before the lock, and taken it for abandoned.
            if not path.exists():
                raise FileNotFoundError(errno.ENOENT, "its temporary file was removed", str(path))
            yield path, file
    finally:
        path.unlink(missing_ok=True)


def _lock(file: BinaryIO) -> None:
    # Some network file systems have no locks: an abandoned file stays there.
    if fcntl is not None:
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)


def remove_abandoned(folder: Path) -> None:
    """Remove the temporary files in a folder that a killed program left; they have no lock."""
    if fcntl is None:
        return
    with suppress(OSError):
        for path in folder.glob(f"{_PREFIX}*{_SUFFIX}"):
            with suppress(OSError), path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
