"""Output files that are complete or absent."""

from __future__ import annotations

import os
from pathlib import Path

from lic.codec.errors import OutputError


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
        target = path.resolve()
        if target.exists() and not target.is_file():
            target.write_bytes(data)
            return
        temporary = target.with_name(f".{target.name}.{os.urandom(4).hex()}")
        try:
            with temporary.open("xb") as file:
                file.write(data)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error
