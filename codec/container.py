"""The file format: a fixed header, boxes, a checksum. Nothing here decodes pictures.

FORMAT.md beside this module describes the same bytes in words. `read_header` needs a file's first
17 bytes and tells the picture's size; `read_container` reads and verifies all of it. What lies
between is `lic.codec.outline`'s.
"""

from __future__ import annotations

import operator
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from lic.codec.boxes import (
    ALPHA,
    CHECKSUM_BYTES,
    CRITICAL,
    LAYERS,
    NAMES,
    STREAMS,
    WEIGHTS,
    Reader,
    box,
    check_type,
    is_type,
    join,
    split,
)
from lic.codec.errors import (
    CorruptFileError,
    LimitError,
    UnsupportedBoxError,
    UnsupportedVersionError,
)
from lic.codec.tiling import MAX_TILE, TILE_UNIT, padded, tile_count

MAGIC = b"\x89LIC"
VERSION = 2
QUALITY_STEPS = 10000
DIGEST_BYTES = 4
_HEADER = struct.Struct("<4sBIIHBB")
HEADER_BYTES = _HEADER.size
_MAX_SIDE = 2**31 - 1
_MAX_ID = 63


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

    @property
    def padded_pixels(self) -> int:
        """How many pixels the picture has with its sides rounded up to multiples of 64."""
        return padded(self.width) * padded(self.height)

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
        If the number of streams is not that of the header's tiles, a tile has neither of its two
        streams, or a box has no valid type.
    """

    header: Header
    weights: WeightsReference
    streams: tuple[bytes, ...] = field(repr=False)
    """The network's, one for each tile, row by row; empty for a tile that does without it."""
    ancillary: Mapping[str, bytes] = field(default_factory=dict, repr=False, hash=False)
    """Payloads of the boxes that a decoder may ignore, by their types: small ASCII letters.

    Boxes of unknown types are among them, so that a file is written as it was read.
    """
    alpha: bytes | None = field(default=None, repr=False)
    """The payload of the box A (`lic.codec.alpha`); None if the picture is opaque."""
    layers: tuple[bytes, ...] = field(default=(), repr=False)
    """The residual layer's streams, one for each tile, or none at all.

    An empty one says that the tile is as the network shows it.
    """

    def __post_init__(self) -> None:
        if len(self.streams) != self.header.tiles:
            raise ValueError(f"there are {len(self.streams)} streams of {self.header.tiles} tiles")
        if not any(self.layers):
            object.__setattr__(self, "layers", ())
        if self.layers and len(self.layers) != self.header.tiles:
            raise ValueError(f"there are {len(self.layers)} layers of {self.header.tiles} tiles")
        layers = self.layers or (b"",) * len(self.streams)
        if not all(map(operator.or_, map(bool, self.streams), map(bool, layers))):
            raise ValueError("a tile has no stream")
        for kind in self.ancillary:
            if not (is_type(kind) and kind.islower()):
                raise ValueError(f"the type of an ancillary box is a small letter, not {kind!r}")

    def to_bytes(self) -> bytes:
        """The file's bytes."""
        body = b"".join([self.header.to_bytes(), *self._boxes().values()])
        return body + zlib.crc32(body).to_bytes(CHECKSUM_BYTES, "little")

    def parts(self) -> dict[str, int]:
        """Bytes of the file by part, each box being one; they sum to the file's size."""
        sizes = {NAMES.get(kind, kind): len(box) for kind, box in self._boxes().items()}
        return {"header": HEADER_BYTES, **sizes, "checksum": CHECKSUM_BYTES}

    def _boxes(self) -> dict[str, bytes]:
        """All boxes, with their types and lengths, in the order in which they are written."""
        payloads = {
            WEIGHTS: self.weights.to_bytes(),
            **self.ancillary,
            **({} if self.alpha is None else {ALPHA: self.alpha}),
            **({LAYERS: join(self.layers)} if self.layers else {}),
            STREAMS: join(self.streams),
        }
        return {kind: box(kind, payload) for kind, payload in payloads.items()}


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
    fields = Reader(data, 0, len(data)).take(HEADER_BYTES)
    try:
        return Header(*_HEADER.unpack(fields)[2:])
    except ValueError as error:
        raise CorruptFileError(f"the file is corrupt: {error}") from error


def check_size(header: Header, max_pixels: int) -> None:
    """Raise LimitError if the picture, its sides rounded up to multiples of 64, is larger."""
    if header.padded_pixels > max_pixels:
        raise LimitError(
            f"the picture has {header.width} x {header.height} pixels (sides rounded up to "
            f"{TILE_UNIT}s); the limit is {max_pixels}"
        )


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
    check_size(header, max_pixels)
    end = len(data) - CHECKSUM_BYTES
    boxes = _walk(data, end)
    if zlib.crc32(memoryview(data)[:end]) != int.from_bytes(data[end:], "little"):
        raise CorruptFileError("the file is corrupt: its checksum does not fit")
    for kind in boxes:
        if kind.isupper() and kind not in CRITICAL:
            raise UnsupportedBoxError(
                f"the picture cannot be decoded without the file's box {kind!r}, which this "
                "program does not know: a newer program is needed"
            )
    if WEIGHTS not in boxes:
        raise CorruptFileError("the file is corrupt: it names no weights")
    try:
        weights = WeightsReference.from_bytes(boxes.pop(WEIGHTS))
    except ValueError as error:
        raise CorruptFileError(f"the file is corrupt: {error}") from error
    streams = split(boxes.pop(STREAMS), header.tiles)
    layers = split(boxes.pop(LAYERS), header.tiles) if LAYERS in boxes else ()
    alpha = boxes.pop(ALPHA, None)
    try:
        return Container(header, weights, streams, boxes, alpha, layers)
    except ValueError as error:
        raise CorruptFileError(f"the file is corrupt: {error}") from error


def _walk(data: bytes, end: int) -> dict[str, bytes]:
    """The boxes' payloads by type; the last box, the streams', ends at ``end``."""
    reader = Reader(data, HEADER_BYTES, end)
    boxes: dict[str, bytes] = {}
    while STREAMS not in boxes:
        kind = reader.take(1).decode("latin-1")
        check_type(kind, boxes)
        boxes[kind] = reader.take(reader.varint())
    if reader.position != end:
        raise CorruptFileError(f"{end - reader.position} bytes follow the end of the file")
    return boxes
