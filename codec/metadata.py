"""What is known of a picture besides its pixels, and the boxes that keep it."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, fields

from lic.codec.errors import CorruptFileError, PictureError
from lic.codec.inflate import inflated

GRAY, RGB, CMYK = 1, 3, 4


@dataclass(frozen=True)
class Metadata:
    """What a picture says about itself, as bytes; empty where it says nothing."""

    icc: bytes = b""
    """The ICC profile of its colours; without one, they are sRGB."""
    exif: bytes = b""
    """EXIF: a TIFF structure, beginning with the mark of its byte order."""
    xmp: bytes = b""
    """XMP: an XML document."""


@dataclass(frozen=True)
class Original:
    """What a picture was before it became 8-bit RGB."""

    channels: int = RGB
    """Of colour: 1 (gray), 3 or 4 (CMYK)."""
    bits: int = 8
    """Of a sample, 1 to 255."""

    def notes(self) -> list[str]:
        """What was lost on the way, in sentences."""
        found = []
        if self.channels == CMYK:
            found.append("the picture was converted from CMYK to sRGB")
        if self.bits > 8:
            found.append(f"samples of {self.bits} bits became samples of 8")
        return found


LIMIT = 2**24
"""Bytes of one kind of metadata."""
KINDS = tuple(field.name for field in fields(Metadata))

_BOXES = {"icc": "i", "exif": "e", "xmp": "x"}
_ORIGINAL = "o"
_ORIENTATION = 0x0112
_SHORT = 3
# In XMP the orientation is an attribute or an element.
_XMP_ORIENTATION = re.compile(rb"(tiff:Orientation(?:=[\"']|>))[2-8]")


def to_boxes(metadata: Metadata, original: Original) -> dict[str, bytes]:
    """The ancillary boxes of a picture, by their types: none, if there is nothing to say.

    Raises
    ------
    PictureError
        If there is more metadata than a file may hold.
    """
    boxes = {}
    for kind, box in _BOXES.items():
        content = getattr(metadata, kind)
        if len(content) > LIMIT:
            raise PictureError(
                f"the picture has {len(content)} bytes of {kind.upper()}; the limit is {LIMIT}"
            )
        if content:
            boxes[box] = zlib.compress(content, 9)
    if original != Original():
        boxes[_ORIGINAL] = bytes([original.channels, original.bits])
    return boxes


def metadata_of(boxes: Mapping[str, bytes]) -> Metadata:
    """The metadata in ancillary boxes; raises CorruptFileError if one does not decompress."""
    found = {kind: boxes[box] for kind, box in _BOXES.items() if box in boxes}
    return Metadata(**{kind: inflated(payload, LIMIT) for kind, payload in found.items()})


def original_of(boxes: Mapping[str, bytes]) -> Original:
    """What the ancillary boxes say the picture was; raises CorruptFileError."""
    if _ORIGINAL not in boxes:
        return Original()
    payload = boxes[_ORIGINAL]
    if len(payload) != 2 or payload[0] not in (GRAY, RGB, CMYK) or not payload[1]:
        raise CorruptFileError("the file is corrupt: it does not say what the picture was")
    return Original(*payload)


def upright_exif(exif: bytes) -> bytes:
    """EXIF whose orientation says that the picture is upright; all other bytes stay.

    What is no EXIF at all, or says nothing of the orientation, is returned as it is.
    """
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None:
        return exif
    try:
        (directory,) = struct.unpack_from(f"{order}I", exif, 4)
        (entries,) = struct.unpack_from(f"{order}H", exif, directory)
        for entry in range(directory + 2, directory + 2 + 12 * entries, 12):
            tag, kind, count = struct.unpack_from(f"{order}HHI", exif, entry)
            if (tag, kind, count) == (_ORIENTATION, _SHORT, 1):
                patched = bytearray(exif)
                struct.pack_into(f"{order}H", patched, entry + 8, 1)
                return bytes(patched)
    except struct.error:  # The structure ends early.
        return exif
    return exif


def upright_xmp(xmp: bytes) -> bytes:
    """XMP whose orientation says that the picture is upright; all other bytes stay."""
    return _XMP_ORIENTATION.sub(rb"\g<1>1", xmp)
