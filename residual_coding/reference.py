"""A decoder of the residual layer in plain Python: slow, readable, and by definition right.

It follows FORMAT.md section by section and shares no code with the native decoder. A tile's stream
is here; `reference_bits`, `reference_pixels` and `reference_blocks` have the other sections.
"""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from lic.residual_coding.layer import CorruptLayerError
from lic.residual_coding.reference_bits import Bits, Numbers, probabilities
from lic.residual_coding.reference_blocks import UNIT, BlockModel
from lic.residual_coding.reference_pixels import PixelModel, Plane

Pixels = NDArray[np.uint8]


def decode(stream: bytes, base: Pixels | None, shape: tuple[int, int]) -> Pixels:
    """The pixels (height, width, 3) of a stream, on top of the picture that it was made with.

    Raises
    ------
    CorruptLayerError
        If the stream is damaged, or was made with another picture or shape.
    """
    end = max(len(stream) - 3, 0)
    pixels = decode_tile(stream[:end], base, shape)
    if stream[end:] != zlib.crc32(pixels.tobytes()).to_bytes(4, "little")[:3]:
        raise CorruptLayerError("the pixels are not those that were coded")
    return pixels


def decode_tile(data: bytes, base: Pixels | None, shape: tuple[int, int]) -> Pixels:
    """What `decode` gives of a stream without its check value."""
    height, width = shape
    bits = Bits(data)
    if base is None:
        base = np.full((height, width, 3), 128, np.uint8)
    by_pixel, by_block = bits.raw(1), bits.raw(1)
    independent, step = (bits.raw(1), bits.raw(16)) if by_block else (0, 1)
    bound = bits.raw(7) if by_pixel else 0
    palette = read_palette(bits) if by_pixel and bits.raw(1) else []
    units = np.full((-(-height // UNIT), -(-width // UNIT)), by_pixel)
    if by_pixel and by_block:
        read_map(bits, units)
    under, plane = Plane(base), Plane(base)
    if by_pixel:
        model = PixelModel(bits, plane, under, bound, palette)
        for y in range(height):
            plane.extend(y)
            for x in range(width):
                if units[y // UNIT, x // UNIT]:
                    model.read(plane.place(x, y))
    picture = plane.pixels()
    if by_block:
        BlockModel(bits, picture, base.astype(np.int64), independent, step).read(units)
    if not bits.at_end():
        raise CorruptLayerError("bytes follow the end of the tile")
    return picture.astype(np.uint8)


def read_palette(bits: Bits) -> list[int]:
    """The colours of a palette, in order."""
    blue, green, red = Numbers(bits, 30), Numbers(bits, 30), Numbers(bits, 30)
    palette = []
    b = g = r = 0
    for _ in range(bits.raw(11) + 1):
        before = b, g
        b = min(b + blue.read(), 255)
        g = min((g if b == before[0] else 0) + green.read(), 255)
        r = min((r if (b, g) == before else 0) + red.read(), 255)
        palette.append(r | g << 8 | b << 16)
    return palette


def read_map(bits: Bits, units: NDArray[np.int64]) -> None:
    """Which units are coded pixel by pixel, into units (rows, columns)."""
    models = probabilities()
    for (row, column), _ in np.ndenumerate(units):
        left = units[row, column - 1] if column else 0
        above = units[row - 1, column] if row else 0
        units[row, column] = bits.bit(models[left + 2 * above], 60)
