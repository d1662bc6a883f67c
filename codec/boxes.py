"""The parts that a file is made of: integers, the types of boxes, lists of streams."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from lic.codec.errors import CorruptFileError, TruncatedFileError

WEIGHTS, ALPHA, LAYERS, STREAMS = "W", "A", "R", "S"
CRITICAL = (WEIGHTS, ALPHA, LAYERS, STREAMS)
"""The types of boxes that this program knows and cannot do without."""
NAMES = {
    WEIGHTS: "weights",
    ALPHA: "alpha",
    LAYERS: "residual layer",
    STREAMS: "streams",
    "i": "icc",
    "e": "exif",
    "x": "xmp",
    "o": "original",
}
"""What a file's parts are called."""
CHECKSUM_BYTES = 4
_VARINT_BITS = 35
HEAD_BYTES = 1 + _VARINT_BITS // 7
"""The longest type and length of a box."""


class Reader:
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


def varint(value: int) -> bytes:
    """The bytes of an integer below 2^35."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def box(kind: str, payload: bytes) -> bytes:
    """A box: its type, its length and its payload."""
    return kind.encode("ascii") + varint(len(payload)) + payload


def is_type(kind: str) -> bool:
    """Whether a box can have this type."""
    return len(kind) == 1 and kind.isascii() and kind.isalpha()


def check_type(kind: str, seen: Collection[str]) -> None:
    """Raise CorruptFileError unless this is the type of a box that was not seen before.

    One of each type bounds the boxes' number.
    """
    if not is_type(kind):
        raise CorruptFileError(f"the file is corrupt: {kind!r} is no type of a box")
    if kind in seen:
        raise CorruptFileError(f"the file is corrupt: it has two boxes {kind!r}")


def join(streams: Sequence[bytes]) -> bytes:
    """The payload of the tiles' streams."""
    return b"".join([*(varint(len(stream)) for stream in streams[:-1]), *streams])


def split(payload: bytes, tiles: int) -> tuple[bytes, ...]:
    """The tiles' streams of a payload; raises CorruptFileError."""
    # Each length takes a byte at least, so a false number of tiles ends here and not in memory.
    if tiles - 1 > len(payload):
        raise CorruptFileError(f"the file is corrupt: it cannot hold {tiles} tiles")
    reader = Reader(payload, 0, len(payload))
    try:
        lengths = [reader.varint() for _ in range(tiles - 1)]
        streams = [reader.take(length) for length in lengths]
    except TruncatedFileError as error:
        raise CorruptFileError("the file is corrupt: its streams are longer than it") from error
    return (*streams, payload[reader.position :])
