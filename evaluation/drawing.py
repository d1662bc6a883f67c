"""Drawing by integers: the same pixels on every machine, with every version of NumPy.

Pictures are (height, width, 3), uint8, RGB, and drawn upon in place. Lengths are in pixels unless
said otherwise; edges are anti-aliased by `SUBPIXELS` samples a side.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lic.codec.pixels import Pixels

Integers = NDArray[np.int64]
Colour = tuple[int, int, int]

SUBPIXELS = 4
CYCLE = 4096
"""Steps of phase in a cycle of `wave`."""
AMPLITUDE = 32767
# None of the values lies within 1e-4 of a half, where the last bit of a sine could decide.
_COSINE: Integers = np.array(
    [round(AMPLITUDE * math.cos(2 * math.pi * i / CYCLE)) for i in range(CYCLE)], np.int64
)
# The glyphs of character displays, from the space to the tilde: 5 columns of 8 dots a glyph, a byte
# each, the topmost dot in the lowest bit.
_GLYPHS = bytes.fromhex(
    "000000000000005f00000007000700147f147f14242a7f2a12231308646236495620500008070300001c224100"
    "0041221c002a1c7f1c2a08083e080800807030000808080808000060600020100804023e5149453e00427f4000"
    "72494949462141494d331814127f1027454545393c4a49493141211109073649494936464949291e0000140000"
    "004034000000081422411414141414004122140802015909063e415d594e7c1211127c7f494949363e41414122"
    "7f4141413e7f494949417f090909013e414151737f0808087f00417f41002040413f017f081422417f40404040"
    "7f021c027f7f0408107f3e4141413e7f090909063e4151215e7f09192946264949493203017f01033f4040403f"
    "1f2040201f3f4038403f631408146303047804036159494d43007f4141410204081020004141417f0402010204"
    "4040404040000307080020545478407f284444383844444428384444287f385454541800087e090218a4a49c78"
    "7f0804047800447d40002040403d007f1028440000417f40007c047804787c080404783844444438fc18242418"
    "18242418fc7c08040408485454542404043f44243c4040207c1c2040201c3c4030403c44281028444c9090907c"
    "4464544c440008364100000077000000413608000201020402"
)
_GLYPH_ROWS, _GLYPH_COLUMNS = 8, 6


def random_integers(seed: int, shape: tuple[int, ...], below: int) -> Integers:
    """Integers from 0 to below - 1.

    Of a generator, NumPy guarantees only the raw stream to be the same in all versions.
    """
    raw: NDArray[np.uint64] = np.random.PCG64(seed).random_raw(math.prod(shape))
    values: Integers = (raw >> np.uint64(32)).astype(np.int64) * below >> 32
    return values.reshape(shape)


def noise(seed: int, shape: tuple[int, ...], amplitude: int) -> Integers:
    """Noise with a bell-shaped distribution, from -2 amplitude to 2 amplitude."""
    total: Integers = random_integers(seed, (4, *shape), amplitude + 1).sum(axis=0)
    return total - 2 * amplitude


def clipped(values: ArrayLike) -> Pixels:
    """The values as samples of 8 bits."""
    return np.clip(values, 0, 255).astype(np.uint8)


def wave(height: int, width: int, rows: int, columns: int) -> Integers:
    """A cosine from -AMPLITUDE to AMPLITUDE, by the steps of phase to the next row and column."""
    y, x = np.ogrid[:height, :width]
    return cosine(y * rows + x * columns)


def cosine(phase: Integers) -> Integers:
    """A cosine from -AMPLITUDE to AMPLITUDE of phases in steps."""
    return np.take(_COSINE, phase % CYCLE)


def clouds(seed: int, height: int, width: int, octaves: int) -> Integers:
    """Noise whose octaves have periods of 2 to the power of octaves, ..., 2 and lose by halves.

    From 0 to 4095.
    """
    total: Integers = np.zeros((height, width), np.int64)
    for octave in range(1, octaves + 1):
        period = 1 << octave
        grid = random_integers(seed + octave, (height // period + 2, width // period + 2), 4096)
        (top, y), (left, x) = (np.divmod(np.arange(n), period) for n in (height, width))
        # Smooth steps, so that the grid does not show.
        y, x = (t * t * (3 * period - 2 * t) // period**2 for t in (y, x))
        rows = grid[top] * (period - y)[:, None] + grid[top + 1] * y[:, None]
        total += (rows[:, left] * (period - x) + rows[:, left + 1] * x) // period**2 << octave
    return total // ((2 << octaves) - 2)


def blend(picture: Pixels, coverage: Integers, whole: int, colour: Colour) -> None:
    """Put a colour where ``coverage`` (height, width) is above 0, alone where it is ``whole``."""
    part = coverage[:, :, None]
    mixed = picture * (whole - part) + np.array(colour) * part + whole // 2
    picture[:] = mixed // whole


def rectangle(
    picture: Pixels, top: int, left: int, height: int, width: int, colour: Colour
) -> None:
    """Fill a rectangle."""
    picture[top : top + height, left : left + width] = colour


def frame(picture: Pixels, top: int, left: int, height: int, width: int, colour: Colour) -> None:
    """Draw the border of a rectangle, one pixel wide."""
    inner = picture[top + 1 : top + height - 1, left + 1 : left + width - 1].copy()
    rectangle(picture, top, left, height, width, colour)
    picture[top + 1 : top + height - 1, left + 1 : left + width - 1] = inner


def gradient(height: int, width: int, first: Colour, last: Colour) -> Pixels:
    """A picture that goes from the first colour at its top to the last at its bottom."""
    steps = np.arange(height)[:, None]
    span = max(height - 1, 1)
    column = (np.array(first) * (span - steps) + np.array(last) * steps + span // 2) // span
    return np.repeat(column[:, None].astype(np.uint8), width, axis=1)


def landscape(height: int, width: int) -> Pixels:
    """Something like a photograph: a sky with clouds, hills, a meadow and the grain of a sensor."""
    y = np.arange(height)[:, None]
    sky = clouds(50, height, width, 6)
    white = np.clip(sky - 2000, 0, 1200)[:, :, None]
    blue = gradient(height, width, (70, 120, 200), (190, 210, 230)).astype(np.int64)
    pixels = (blue * (1200 - white) + 245 * white) // 1200
    for i, colour in enumerate(((90, 110, 130), (60, 90, 70), (90, 110, 40))):
        ridge = height * (9 + 3 * i) // 20 + (clouds(60 + 20 * i, 1, width, 6 - i)[0] - 2048) // 40
        texture = clouds(130 + 10 * i, height, width, 2 + i)[:, :, None]
        ground = np.array(colour) * (2400 + texture // 2 * (1 + i)) // 4096
        pixels = np.where((y >= ridge)[:, :, None], ground, pixels)
    return clipped(pixels + noise(160, (height, width, 3), 3))


def disc(picture: Pixels, row: int, column: int, radius: int, colour: Colour) -> None:
    """Fill a disc around the middle of a pixel."""
    (top, bottom), (left, right) = (
        (max(middle - radius, 0), max(middle + radius + 1, 0)) for middle in (row, column)
    )
    place = picture[top:bottom, left:right]
    y, x = np.ogrid[: place.shape[0] * SUBPIXELS, : place.shape[1] * SUBPIXELS]
    # In halves of a subpixel, in which all middles are whole.
    middle_y, middle_x = (SUBPIXELS * (2 * n + 1) for n in (row - top, column - left))
    square = (2 * y + 1 - middle_y) ** 2 + (2 * x + 1 - middle_x) ** 2
    inside = (square <= (2 * SUBPIXELS * radius) ** 2).astype(np.int64)
    blend(place, _sums(inside, SUBPIXELS), SUBPIXELS**2, colour)


def curve(picture: Pixels, rows: Integers, thickness: int, colour: Colour) -> None:
    """Draw a function of the column: subpixel rows at all subpixel columns, and the next.

    ``thickness`` is in subpixels.
    """
    height, width = picture.shape[:2]
    # A stroke from each column to the next leaves no gap where the curve is steep.
    start = np.minimum(rows[:-1], rows[1:]) - thickness // 2
    stop = np.maximum(rows[:-1], rows[1:]) + (thickness + 1) // 2
    y = np.arange(height * SUBPIXELS)[:, None]
    inside = ((y >= start) & (y < stop))[:, : width * SUBPIXELS].astype(np.int64)
    blend(picture, _sums(inside, SUBPIXELS), SUBPIXELS**2, colour)


def text(picture: Pixels, top: int, left: int, words: str, size: int, colour: Colour) -> None:
    """Write a line in a height of ``size``, smoothly unless that is a multiple of 8."""
    codes = np.frombuffer(words.encode("ascii"), np.uint8) - 32
    columns = np.frombuffer(_GLYPHS, np.uint8).reshape(-1, _GLYPH_COLUMNS - 1)[codes]
    columns = np.pad(columns, ((0, 0), (0, 1))).reshape(-1)
    dots = (columns >> np.arange(_GLYPH_ROWS)[:, None] & 1).astype(np.int64)
    # Larger by `size`, then smaller by the rows of a glyph: exact, and smooth where dots are cut.
    enlarged = dots.repeat(size, axis=0).repeat(size, axis=1)
    enlarged = np.pad(enlarged, ((0, 0), (0, -enlarged.shape[1] % _GLYPH_ROWS)))
    place = picture[top : top + size, left : left + enlarged.shape[1] // _GLYPH_ROWS]
    coverage = _sums(enlarged, _GLYPH_ROWS)[: place.shape[0], : place.shape[1]]
    blend(place, coverage, _GLYPH_ROWS**2, colour)


def text_width(words: str, size: int) -> int:
    """Pixels that a line takes."""
    return len(words) * _GLYPH_COLUMNS * size // _GLYPH_ROWS


def _sums(values: Integers, side: int) -> Integers:
    """The sums of squares of values."""
    height, width = values.shape
    squares = values.reshape(height // side, side, width // side, side)
    return np.asarray(squares.sum(axis=(1, 3)), np.int64)
