"""Picture files and profiles that Pillow does not make."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

ORIENTATION = 0x0112
MODEL = 0x0110


def srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def exif_bytes(orientation: int | None = None) -> bytes:
    """EXIF with a camera's model, and a time in a directory of its own."""
    exif = Image.Exif()
    exif[MODEL] = "a camera"
    exif.get_ifd(0x8769)[0x9003] = "2024:02:29 12:34:56"
    if orientation:
        exif[ORIENTATION] = orientation
    return exif.tobytes().removeprefix(b"Exif\0\0")


def cmyk_profile() -> bytes:
    """A profile of paper that is white without ink, black with K, and else a gray of L* = 50."""
    inks = np.indices((2, 2, 2, 2)).reshape(4, 16)
    lightness = np.where(inks[3] == 1, 0, np.where(inks[:3].any(axis=0), 50, 100))
    lab = np.stack([lightness * 255 // 100, *np.full((2, 16), 128)], axis=1).astype(np.uint8)
    ramp = bytes(range(256))
    identity = struct.pack(">9i", *(65536 * v for v in (1, 0, 0, 0, 1, 0, 0, 0, 1)))
    table = struct.pack(">4s4x4B", b"mft1", 4, 3, 2, 0) + identity + 4 * ramp + lab.tobytes()
    table += 3 * ramp
    white = struct.pack(">4s4x3i", b"XYZ ", 63190, 65536, 54061)
    text = b"text\0\0\0\0a test\0\0"
    description = struct.pack(">4s4xI", b"desc", 5) + b"test\0" + bytes(79)
    tags, body, start = b"", b"", 128 + 4 + 5 * 12
    for name, data in (
        (b"A2B0", table),
        (b"A2B1", table),
        (b"wtpt", white),
        (b"cprt", text),
        (b"desc", description),
    ):
        tags += struct.pack(">4sII", name, start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    header = struct.pack(">I4xI4s4s4s", start + len(body), 0x02400000, b"prtr", b"CMYK", b"Lab ")
    header += struct.pack(">6H4s28x3i48x", 2024, 1, 1, 0, 0, 0, b"acsp", 63190, 65536, 54061)
    return header + struct.pack(">I", 5) + tags + body


def linear_profile() -> bytes:
    """A profile of RGB in which levels are proportional to light, with the primaries of sRGB."""
    profile = bytearray(srgb_profile())
    # Curves of the type "para" or "curv" become the identity: a curve of no points.
    (count,) = struct.unpack_from(">I", profile, 128)
    for tag in range(count):
        name, start, _ = struct.unpack_from(">4sII", profile, 132 + 12 * tag)
        if name in (b"rTRC", b"gTRC", b"bTRC"):
            profile[start : start + 12] = b"curv" + bytes(8)
    return bytes(profile)


def png_16(samples: NDArray[np.uint16]) -> bytes:
    """A PNG of 16-bit samples (height, width, channels)."""
    height, width, channels = samples.shape
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def tiff(samples: NDArray[np.uint16], order: str, bits: int = 16, packed: bool = False) -> bytes:
    """A TIFF of samples (height, width, channels) in the byte order "<" or ">"."""
    height, width, channels = samples.shape
    data = samples.astype(f"{order}u2").tobytes()
    if bits == 12:
        pairs = samples.reshape(-1, 2).astype(np.uint32)
        joined = (pairs[:, 0] << 12 | pairs[:, 1]).astype(">u4").view(np.uint8).reshape(-1, 4)
        data = joined[:, 1:].tobytes()
    data = zlib.compress(data) if packed else data
    entries = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, channels, bits),
        (259, 3, 1, 8 if packed else 1),
        (262, 3, 1, 1 if channels == 1 else 2),
        (273, 4, 1, 0),
        (277, 3, 1, channels),
        (278, 4, 1, height),
        (279, 4, 1, len(data)),
    ]
    start = 8 + 2 + 12 * len(entries) + 4
    depths = struct.pack(f"{order}{channels}H", *channels * [bits])
    directory = struct.pack(f"{order}H", len(entries))
    for tag, kind, count, value in entries:
        if tag == 258 and channels > 2:
            value, kind_value = start, "I"
        else:
            kind_value = "H2x" if kind == 3 else "I"
        if tag == 273:
            value = start + len(depths)
        directory += struct.pack(f"{order}HHI{kind_value}", tag, kind, count, value)
    mark = b"II" if order == "<" else b"MM"
    header = mark + struct.pack(f"{order}HI", 42, 8)
    return header + directory + struct.pack(f"{order}I", 0) + depths + data
