"""The file format: a fixed header, boxes, a checksum. Nothing here decodes pictures.

FORMAT.md beside this module describes the same bytes in words. `read_header` needs a file's first
17 bytes and tells the picture's size, `read_outline` reads all boxes but the large ones;
`read_container` reads and verifies all of a file.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import IO

from lic.codec.errors import (
    CorruptFileError,
    LimitError,
    TruncatedFileError,
    UnsupportedBoxError,
    UnsupportedVersionError,
)
from lic.codec.tiling import MAX_TILE, TILE_UNIT, padded, tile_count

MAGIC = b"\x89LIC"
VERSION = 2
QUALITY_STEPS = 10000
DIGEST_BYTES = 4
_HEADER = struct.Struct("<4sBIIHBB")
_CHECKSUM_BYTES = 4
_MAX_SIDE = 2**31 - 1
_MAX_ID = 63
_VARINT_BITS = 35
# Bytes a pixel that missing streams may have taken.
_LONGEST_PIXEL = 4
_WEIGHTS, _ALPHA, _STREAMS = "W", "A", "S"
_KNOWN = (_WEIGHTS, _ALPHA, _STREAMS)
# What a file's parts are called.
_NAMES = {
    _WEIGHTS: "weights",
    _ALPHA: "alpha",
    _STREAMS: "streams",
    "i": "icc",
    "e": "exif",
    "x": "xmp",
    "o": "original",
}


class _Reader:
    """A cursor over a part of bytes that refuses to read beyond its end."""

    def __init__(self, data: bytes, start: int, end: int) -> None:
        self._data = data
        self.position = start
        self.end = end

    def take(self, count: int) -> bytes:
        """The next ``count`` bytes; raises TruncatedFileError."""
        if count > self.end - self.position:
            raise TruncatedFileError(
                f"the file is truncated: {count} bytes should follow byte {self.position}, and "
                f"there are {max(self.end - self.position, 0)}"
            )
        self.position += count
        return self._data[self.position - count : self.position]

    def varint(self) -> int:
        """A LEB128 integer below 2^35, in its shortest form."""
        value = 0
        for shift in range(0, _VARINT_BITS, 7):
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if byte == 0 and shift:
                    break
                return value
        raise CorruptFileError("the file is corrupt: it holds a malformed integer")


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


@dataclass(frozen=True)
class Header:
    """The fixed header, a file's first 17 bytes.

    Raises
    ------
    ValueError
        If a field is out of its range.
    """

    width: int
    """Pixels, 1 to 2^31 - 1."""
    height: int
    """Pixels, 1 to 2^31 - 1."""
    quality: int
    """0 to 10000; see `level`."""
    skip_below: int
    """Latents whose scale indices are all below this are not coded; 0 to 255."""
    tile: int
    """A tile's side in units of 64 pixels, 1 to 32."""

    def __post_init__(self) -> None:
        checks = {
            "width": 0 < self.width <= _MAX_SIDE,
            "height": 0 < self.height <= _MAX_SIDE,
            "quality": 0 <= self.quality <= QUALITY_STEPS,
            "skip_below": 0 <= self.skip_below <= 255,
            "tile": 0 < self.tile <= MAX_TILE,
        }
        for name, good in checks.items():
            if not good:
                raise ValueError(f"the header's field {name} is out of range")

    @property
    def level(self) -> float:
        """The quality as networks of floats take it, 0 to 1."""
        return self.quality / QUALITY_STEPS

    @property
    def tiles(self) -> int:
        """How many tiles cover the picture."""
        return tile_count(self.width, self.height, self.tile * TILE_UNIT)

    def to_bytes(self) -> bytes:
        """The header's 17 bytes."""
        return _HEADER.pack(
            MAGIC, VERSION, self.width, self.height, self.quality, self.skip_below, self.tile
        )


@dataclass(frozen=True)
class WeightsReference:
    """Which weights a file was made with.

    Raises
    ------
    ValueError
        If a field is out of its range.
    """

    id: str
    """The weights' permanent id: 1 to 63 characters of printable ASCII."""
    digest: bytes
    """The first 4 bytes of the SHA-256 of the weights' file."""

    def __post_init__(self) -> None:
        if not (0 < len(self.id) <= _MAX_ID and self.id.isascii() and self.id.isprintable()):
            raise ValueError("the weights' id must be of 1 to 63 printable ASCII characters")
        if len(self.digest) != DIGEST_BYTES:
            raise ValueError(f"the weights' digest must have {DIGEST_BYTES} bytes")

    def to_bytes(self) -> bytes:
        """The payload of the box of the weights."""
        return self.digest + self.id.encode("ascii")

    @classmethod
    def from_bytes(cls, payload: bytes) -> WeightsReference:
        """The inverse of `to_bytes`; raises ValueError."""
        return cls(payload[DIGEST_BYTES:].decode("ascii"), payload[:DIGEST_BYTES])


@dataclass(frozen=True)
class Container:
    """A whole file.

    Raises
    ------
    ValueError
        If the number of streams is not that of the header's tiles, or a box has no valid type.
    """

    header: Header
    weights: WeightsReference
    streams: tuple[bytes, ...] = field(repr=False)
    """One for each tile, row by row."""
    ancillary: Mapping[str, bytes] = field(default_factory=dict, repr=False, hash=False)
    """Payloads of the boxes that a decoder may ignore, by their types: small ASCII letters.

    Boxes of unknown types are among them, so that a file is written as it was read.
    """
    alpha: bytes | None = field(default=None, repr=False)
    """The payload of the box A (`lic.codec.alpha`); None if the picture is opaque."""

    def __post_init__(self) -> None:
        if len(self.streams) != self.header.tiles:
            raise ValueError(f"there are {len(self.streams)} streams of {self.header.tiles} tiles")
        for kind in self.ancillary:
            if not (_is_type(kind) and kind.islower()):
                raise ValueError(f"the type of an ancillary box is a small letter, not {kind!r}")

    def to_bytes(self) -> bytes:
        """The file's bytes."""
        body = b"".join([self.header.to_bytes(), *self._boxes().values()])
        return body + zlib.crc32(body).to_bytes(_CHECKSUM_BYTES, "little")

    def parts(self) -> dict[str, int]:
        """Bytes of the file by part, each box being one; they sum to the file's size."""
        sizes = {_NAMES.get(kind, kind): len(box) for kind, box in self._boxes().items()}
        return {"header": _HEADER.size, **sizes, "checksum": _CHECKSUM_BYTES}

    def _boxes(self) -> dict[str, bytes]:
        """All boxes, with their types and lengths, in the order in which they are written."""
        lengths = b"".join(_varint(len(stream)) for stream in self.streams[:-1])
        payloads = {
            _WEIGHTS: self.weights.to_bytes(),
            **self.ancillary,
            **({} if self.alpha is None else {_ALPHA: self.alpha}),
            _STREAMS: b"".join([lengths, *self.streams]),
        }
        return {
            kind: kind.encode("ascii") + _varint(len(payload)) + payload
            for kind, payload in payloads.items()
        }


def _is_type(kind: str) -> bool:
    return len(kind) == 1 and kind.isascii() and kind.isalpha()


def read_header(data: bytes) -> Header:
    """The header of a file, of which no more than the first 17 bytes must be there.

    Raises
    ------
    CorruptFileError, TruncatedFileError, UnsupportedVersionError
        A damaged header may pass: the checksum is the whole file's.
    """
    if data[: len(MAGIC)] != MAGIC[: len(data)]:
        raise CorruptFileError("this is not a lic file: it does not begin with lic's signature")
    version = data[len(MAGIC) : len(MAGIC) + 1]
    if version and version[0] != VERSION:
        raise UnsupportedVersionError(
            f"the file has format version {version[0]}; this program reads version {VERSION}"
        )
    fields = _Reader(data, 0, len(data)).take(_HEADER.size)
    try:
        return Header(*_HEADER.unpack(fields)[2:])
    except ValueError as error:
        raise CorruptFileError(f"the file is corrupt: {error}") from error


def read_container(data: bytes, max_pixels: int) -> Container:
    """Parse and verify a whole file; takes no memory before the picture's size is checked.

    ``max_pixels`` limits the picture's size, its sides rounded up to multiples of 64.

    Raises
    ------
    CorruptFileError
        Not a lic file, the checksum does not fit, or the boxes make no picture.
    TruncatedFileError
        The file ends too early.
    UnsupportedVersionError, UnsupportedBoxError
        The file is made for another program: a newer one, usually.
    LimitError
        As its name says.
    """
    header = read_header(data)
    if padded(header.width) * padded(header.height) > max_pixels:
        raise LimitError(
            f"the picture has {header.width} x {header.height} pixels (sides rounded up to "
            f"{TILE_UNIT}s); the limit is {max_pixels}"
        )
    end = len(data) - _CHECKSUM_BYTES
    boxes = _walk(data, end)
    if zlib.crc32(memoryview(data)[:end]) != int.from_bytes(data[end:], "little"):
        raise CorruptFileError("the file is corrupt: its checksum does not fit")
    for kind in boxes:
        if kind.isupper() and kind not in _KNOWN:
            raise UnsupportedBoxError(
                f"the picture cannot be decoded without the file's box {kind!r}, which this "
                "program does not know: a newer program is needed"
            )
    if _WEIGHTS not in boxes:
        raise CorruptFileError("the file is corrupt: it names no weights")
    try:
        weights = WeightsReference.from_bytes(boxes.pop(_WEIGHTS))
    except ValueError as error:
        raise CorruptFileError(f"the file is corrupt: {error}") from error
    streams, alpha = _split(boxes.pop(_STREAMS), header.tiles), boxes.pop(_ALPHA, None)
    return Container(header, weights, streams, boxes, alpha)


@dataclass(frozen=True)
class Outline:
    """What a file tells of a picture before its pixels."""

    header: Header
    ancillary: Mapping[str, bytes]
    """Payloads of the boxes of metadata and of what the original was, by their types."""
    transparent: bool
    """Whether the picture has alpha."""


def read_outline(file: IO[bytes], max_box: int) -> Outline:
    """The outline of an open file, of which no more than that is read, nor verified.

    ``max_box`` limits the bytes of a box that is read.

    Raises
    ------
    CorruptFileError, TruncatedFileError, UnsupportedVersionError, LimitError
    """
    header = read_header(file.read(_HEADER.size))
    boxes: dict[str, bytes] = {}
    seen: set[str] = set()
    while _STREAMS not in seen:
        # A type and the longest length; what of it is too much is read again.
        start = file.tell()
        reader = _Reader(data := file.read(1 + _VARINT_BITS // 7), 0, len(data))
        kind = reader.take(1).decode("latin-1")
        _check_type(kind, seen)
        seen.add(kind)
        length = reader.varint()
        file.seek(start + reader.position)
        if kind in _NAMES and kind.islower():
            if length > max_box:
                raise LimitError(f"the file has {length} bytes of {_NAMES[kind]}")
            boxes[kind] = file.read(length)
        else:
            file.seek(length, os.SEEK_CUR)
    return Outline(header, boxes, _ALPHA in seen)


def _check_type(kind: str, seen: Collection[str]) -> None:
    """Raise CorruptFileError unless this is the type of a box that was not seen before.

    One of each type bounds the boxes' number.
    """
    if not _is_type(kind):
        raise CorruptFileError(f"the file is corrupt: {kind!r} is no type of a box")
    if kind in seen:
        raise CorruptFileError(f"the file is corrupt: it has two boxes {kind!r}")


def completed(data: bytes) -> bytes:
    """A file that was cut off within its streams, with zeros for what is missing.

    Its checksum fits. A file that is whole, or longer than its header lets expect, stays as it is.

    Raises
    ------
    CorruptFileError, TruncatedFileError, UnsupportedVersionError
        If the file is cut off before its streams, or is damaged there.
    """
    header = read_header(data)
    reader = _Reader(data, _HEADER.size, len(data))
    seen: set[str] = set()
    while True:
        kind = reader.take(1).decode("latin-1")
        _check_type(kind, seen)
        seen.add(kind)
        length = reader.varint()
        if kind == _STREAMS:
            break
        reader.take(length)
    end = reader.position + length
    too_long = length > _LONGEST_PIXEL * padded(header.width) * padded(header.height)
    if len(data) >= end + _CHECKSUM_BYTES or too_long:
        return data
    body = data.ljust(end, b"\0")[:end]
    return body + zlib.crc32(body).to_bytes(_CHECKSUM_BYTES, "little")


def _walk(data: bytes, end: int) -> dict[str, bytes]:
    """The boxes' payloads by type; the last box, the streams', ends at ``end``."""
    reader = _Reader(data, _HEADER.size, end)
    boxes: dict[str, bytes] = {}
    while _STREAMS not in boxes:
        kind = reader.take(1).decode("latin-1")
        _check_type(kind, boxes)
        boxes[kind] = reader.take(reader.varint())
    if reader.position != end:
        raise CorruptFileError(f"{end - reader.position} bytes follow the end of the file")
    return boxes


def _split(payload: bytes, tiles: int) -> tuple[bytes, ...]:
    """The tiles' streams of a payload; raises CorruptFileError."""
    # Each length takes a byte at least, so a false number of tiles ends here and not in memory.
    if tiles - 1 > len(payload):
        raise CorruptFileError(f"the file is corrupt: it cannot hold {tiles} tiles")
    reader = _Reader(payload, 0, len(payload))
    try:
        lengths = [reader.varint() for _ in range(tiles - 1)]
        streams = [reader.take(length) for length in lengths]
    except TruncatedFileError as error:
        raise CorruptFileError("the file is corrupt: its streams are longer than it") from error
    return (*streams, payload[reader.position :])
