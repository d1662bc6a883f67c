"""The file format: a header that reads and writes itself, checksums, and the tiles' streams.

FORMAT.md beside this module describes the same bytes in words. Nothing here decodes pictures.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

from lic.codec.errors import (
    CorruptFileError,
    LimitError,
    TruncatedFileError,
    UnsupportedVersionError,
)
from lic.codec.tiling import MAX_TILE, TILE_UNIT, padded, tile_count

MAGIC = b"\x89LIC"
VERSION = 1
QUALITY_STEPS = 10000
DIGEST_BYTES = 4
_MAX_SIDE = 2**31 - 1
_MAX_ID = 63


class _Reader:
    """A cursor over bytes that refuses to read beyond their end."""

    def __init__(self, data: bytes, position: int = 0) -> None:
        self.data = data
        self.position = position

    def take(self, count: int) -> bytes:
        """The next ``count`` bytes; raises TruncatedFileError."""
        if count > len(self.data) - self.position:
            raise TruncatedFileError(
                f"the file is truncated: {len(self.data)} bytes, and {count} more were to be read "
                f"from byte {self.position} on"
            )
        self.position += count
        return self.data[self.position - count : self.position]

    def uint(self, size: int) -> int:
        """A little-endian unsigned integer of ``size`` bytes."""
        return int.from_bytes(self.take(size), "little")

    def varint(self) -> int:
        """A LEB128 integer below 2^35, in its shortest form."""
        value = 0
        for shift in range(0, 35, 7):
            byte = self.uint(1)
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if byte == 0 and shift:
                    break
                return value
        raise CorruptFileError("the header is corrupt: it holds a malformed integer")


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


@dataclass(frozen=True)
class Header:
    """What a file says of itself before the streams.

    Raises
    ------
    ValueError
        If a field is out of its range.
    """

    weights_id: str
    """The weights' permanent id: 1 to 63 characters of printable ASCII."""
    weights_digest: bytes
    """The first 4 bytes of the SHA-256 of the weights' file."""
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
    lengths: tuple[int, ...]
    """Bytes of each tile's stream, row by row."""

    def __post_init__(self) -> None:
        checks = {
            "weights_id": 0 < len(self.weights_id) <= _MAX_ID
            and self.weights_id.isascii()
            and self.weights_id.isprintable(),
            "weights_digest": len(self.weights_digest) == DIGEST_BYTES,
            "width": 0 < self.width <= _MAX_SIDE,
            "height": 0 < self.height <= _MAX_SIDE,
            "quality": 0 <= self.quality <= QUALITY_STEPS,
            "skip_below": 0 <= self.skip_below <= 255,
            "tile": 0 < self.tile <= MAX_TILE,
        }
        for name, good in checks.items():
            if not good:
                raise ValueError(f"the header's field {name} is out of range")
        if len(self.lengths) != tile_count(self.width, self.height, self.tile * TILE_UNIT):
            raise ValueError("the header's number of tiles does not fit the picture's size")

    @property
    def level(self) -> float:
        """The quality as the network takes it, 0 to 1."""
        return self.quality / QUALITY_STEPS

    def to_bytes(self) -> bytes:
        """The header's bytes, its checksum included."""
        name = self.weights_id.encode("ascii")
        parts = [
            MAGIC,
            bytes([VERSION, len(name)]),
            name,
            self.weights_digest,
            _varint(self.width),
            _varint(self.height),
            self.quality.to_bytes(2, "little"),
            bytes([self.skip_below]),
            bytes([self.tile]),
            *(_varint(length) for length in self.lengths),
        ]
        body = b"".join(parts)
        return body + zlib.crc32(body).to_bytes(4, "little")

    @classmethod
    def read(cls, reader: _Reader, max_pixels: int) -> Header:
        """Parse a header; memory stays bounded by ``max_pixels`` and by the bytes there are.

        Raises
        ------
        CorruptFileError, TruncatedFileError, UnsupportedVersionError, LimitError
        """
        start = reader.data[: len(MAGIC)]
        if start != MAGIC[: len(start)]:
            raise CorruptFileError("this is not a lic file: it does not begin with lic's signature")
        reader.take(len(MAGIC))
        version = reader.uint(1)
        if version != VERSION:
            raise UnsupportedVersionError(
                f"the file has format version {version}; this program reads version {VERSION}"
            )
        try:
            name = reader.take(reader.uint(1)).decode("ascii")
            digest = reader.take(DIGEST_BYTES)
            width, height = reader.varint(), reader.varint()
            quality, skip_below, tile = reader.uint(2), reader.uint(1), reader.uint(1)
            tiles = tile_count(width, height, tile * TILE_UNIT)
            # Each length takes a byte at least, so a false count ends here and not in memory.
            if tiles > len(reader.data):
                raise TruncatedFileError(f"the file is truncated: it cannot hold {tiles} tiles")
            lengths = tuple(reader.varint() for _ in range(tiles))
            body = reader.data[: reader.position]
            if reader.uint(4) != zlib.crc32(body):
                raise CorruptFileError("the header is corrupt: its checksum does not fit")
            header = cls(name, digest, width, height, quality, skip_below, tile, lengths)
        except (ValueError, UnicodeDecodeError) as error:
            raise CorruptFileError(f"the header is corrupt: {error}") from error
        if padded(width) * padded(height) > max_pixels:
            raise LimitError(
                f"the picture has {width} x {height} pixels (sides rounded up to {TILE_UNIT}s); "
                f"the limit is {max_pixels}"
            )
        return header


@dataclass(frozen=True)
class Container:
    """A whole file: the header and one stream for each tile, row by row."""

    header: Header
    streams: tuple[bytes, ...] = field(repr=False)

    def to_bytes(self) -> bytes:
        """The file's bytes."""
        payload = b"".join(self.streams)
        return self.header.to_bytes() + payload + zlib.crc32(payload).to_bytes(4, "little")

    def parts(self) -> dict[str, int]:
        """Bytes of the file by part; they sum to the file's size."""
        return {
            "header": len(self.header.to_bytes()),
            "streams": sum(map(len, self.streams)),
            "checksum": 4,
        }


def read_container(data: bytes, max_pixels: int) -> Container:
    """Parse and verify a whole file.

    Raises
    ------
    CorruptFileError
        Not a lic file, a checksum does not fit, or bytes follow the end.
    TruncatedFileError
        The file ends too early.
    UnsupportedVersionError, LimitError
        As their names say.
    """
    reader = _Reader(data)
    header = Header.read(reader, max_pixels)
    start = reader.position
    streams = tuple(reader.take(length) for length in header.lengths)
    payload = data[start : reader.position]
    if reader.uint(4) != zlib.crc32(payload):
        raise CorruptFileError("the picture's data is corrupt: its checksum does not fit")
    if reader.position != len(data):
        raise CorruptFileError(f"{len(data) - reader.position} bytes follow the end of the file")
    return Container(header, streams)
