"""Input files, read whole within a bound: regular files, pipes and the standard input."""

from __future__ import annotations

import io
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from lic.codec.container import HEADER_BYTES, check_size, read_header
from lic.codec.errors import LimitError, PictureError

STANDARD = Path("-")
"""Stands for the standard input or output."""
# Eight bytes a pixel are more than any stream takes, and this much more than any metadata.
_BYTES_A_PIXEL = 8
_OTHER_BYTES = 2**27
_PICTURE_BYTES = 2**30


class NamedBytes(io.BytesIO):
    """A file in memory that knows what to be called in messages."""

    def __init__(self, data: bytes, name: str) -> None:
        super().__init__(data)
        self._name = name

    def __str__(self) -> str:
        return self._name


def read_lic_file(path: Path, max_pixels: int) -> bytes:
    """The bytes of a lic file; `STANDARD` is the standard input.

    The header is checked first, so that no more is read than such a picture can take.

    Raises
    ------
    PictureError
        If it cannot be read.
    LicError
        As `lic.codec.container.read_header` does, and LimitError if it is too large.
    """
    with _opened(path) as file:
        start = file.read(HEADER_BYTES)
        header = read_header(start)
        check_size(header, max_pixels)
        most = _BYTES_A_PIXEL * header.padded_pixels + _OTHER_BYTES
        return start + _read_all(file, shown(path), most)


def picture_source(path: Path) -> Path | NamedBytes:
    """What to read a picture from: the path of a regular file as it is, else what a pipe holds.

    Raises PictureError or LimitError.
    """
    with _opened(path) as file:
        if path != STANDARD and stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            return path
        return read_picture_bytes(file, shown(path))


def read_picture_bytes(file: BinaryIO, name: str) -> NamedBytes:
    """All of an open picture file, which messages call by its name; raises LimitError."""
    return NamedBytes(_read_all(file, name, _PICTURE_BYTES), name)


def shown(path: Path) -> str:
    """What messages call an input."""
    return "the standard input" if path == STANDARD else str(path)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        if path == STANDARD:
            yield sys.stdin.buffer
            return
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if stat.S_ISBLK(mode) or (stat.S_ISCHR(mode) and not file.isatty()):
                raise PictureError(f"cannot read {path}: it is a device")
            yield file
    except FileNotFoundError as error:
        raise PictureError(f"there is no file {path}") from error
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> PictureError:
    return PictureError(f"cannot read {shown(path)}: {error.strerror or error}")


def _read_all(file: BinaryIO, name: str, most: int) -> bytes:
    data = file.read(most + 1)
    if len(data) > most:
        raise LimitError(f"{name} has more than {most} bytes, which no such picture takes")
    return data
