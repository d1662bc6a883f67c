"""What a file tells before its pixels, and what can be made of one that was cut off."""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO

from lic.codec.boxes import (
    ALPHA,
    CHECKSUM_BYTES,
    HEAD_BYTES,
    LAYERS,
    NAMES,
    STREAMS,
    Reader,
    box,
    check_type,
    join,
    split,
)
from lic.codec.container import HEADER_BYTES, Header, read_header
from lic.codec.errors import LimitError, TruncatedFileError

# Bytes a pixel that missing streams may have taken.
_LONGEST_PIXEL = 4


@dataclass(frozen=True)
class Outline:
    """What a file tells of a picture before its pixels."""

    header: Header
    ancillary: Mapping[str, bytes]
    """Payloads of the boxes of metadata and of what the original was, by their types."""
    transparent: bool
    """Whether the picture has alpha."""


def read_outline(file: IO[bytes], max_box: int, truncated: bool = False) -> Outline:
    """The outline of an open file, of which no more than that is read, nor verified.

    ``max_box`` limits the bytes of a box that is read. If ``truncated``, a file may be cut off in
    the residual layer or behind it, where encoders write nothing but streams.

    Raises
    ------
    CorruptFileError, TruncatedFileError, UnsupportedVersionError, LimitError
    """
    header = read_header(file.read(HEADER_BYTES))
    boxes: dict[str, bytes] = {}
    seen: set[str] = set()
    try:
        while STREAMS not in seen:
            # A type and the longest length; what of it is too much is read again.
            start = file.tell()
            reader = Reader(data := file.read(HEAD_BYTES), 0, len(data))
            kind = reader.take(1).decode("latin-1")
            check_type(kind, seen)
            seen.add(kind)
            length = reader.varint()
            file.seek(start + reader.position)
            if kind in NAMES and kind.islower():
                if length > max_box:
                    raise LimitError(f"the file has {length} bytes of {NAMES[kind]}")
                boxes[kind] = file.read(length)
            else:
                file.seek(length, os.SEEK_CUR)
    except TruncatedFileError:
        if not (truncated and LAYERS in seen):
            raise
    return Outline(header, boxes, ALPHA in seen)


def completed(data: bytes) -> bytes:
    """A file that was cut off within its streams, with zeros for what is missing.

    Of one that was cut off within the residual layer's streams, which come before the network's,
    tiles that the layer codes alone still decode; all others get streams that do not. The checksum
    fits. A file that is whole, or longer than its header lets expect, stays as it is.

    Raises
    ------
    CorruptFileError, TruncatedFileError, UnsupportedVersionError
        If the file is cut off before its streams, or is damaged there.
    """
    header = read_header(data)
    reader = Reader(data, HEADER_BYTES, len(data))
    seen: set[str] = set()
    layers = b""
    try:
        while STREAMS not in seen:
            start = reader.position
            kind = reader.take(1).decode("latin-1")
            check_type(kind, seen)
            seen.add(kind)
            length = reader.varint()
            end = reader.position + length
            if kind in (LAYERS, STREAMS) and length > _LONGEST_PIXEL * header.padded_pixels:
                return data
            if kind == LAYERS:
                before = data[:start]
                layers = data[reader.position : end].ljust(length, b"\0")
            if kind != STREAMS:
                reader.take(length)
    except TruncatedFileError:
        if not layers:
            raise
        streams = [b"" if layer else b"\0" for layer in split(layers, header.tiles)]
        body = before + box(LAYERS, layers) + box(STREAMS, join(streams))
    else:
        if len(data) >= end + CHECKSUM_BYTES:
            return data
        body = data.ljust(end, b"\0")[:end]
    return body + zlib.crc32(body).to_bytes(CHECKSUM_BYTES, "little")
