"""How a picture is cut into tiles, and what each part of the codec sees around a tile.

Each tile has its own stream. The transforms see a margin (halo) around the tile as wide as their
receptive field, so that the pieces fit as if the picture had been transformed whole: there are no
seams, and the overlap costs time but not a bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lic.codec.pixels import Pixels

TILE_UNIT = 64
DEFAULT_TILE = 1024
# In TILE_UNITs: what a decoder needs in memory for a tile is bounded by the format.
MAX_TILE = 32


@dataclass(frozen=True)
class Region:
    """A rectangle; all four in the same unit (pixels or latents), ends exclusive."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def height(self) -> int:
        """Rows."""
        return self.bottom - self.top

    @property
    def width(self) -> int:
        """Columns."""
        return self.right - self.left

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index of the rows and of the columns."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def scaled_down(self, factor: int) -> Region:
        """The same rectangle in units ``factor`` times as large, which must divide it."""
        return Region(*(v // factor for v in (self.top, self.left, self.bottom, self.right)))

    def scaled_out(self, factor: int) -> Region:
        """The smallest rectangle in units ``factor`` times as large that contains this one."""
        return Region(
            self.top // factor,
            self.left // factor,
            -(-self.bottom // factor),
            -(-self.right // factor),
        )

    def scaled_up(self, factor: int) -> Region:
        """The same rectangle in units ``factor`` times as small."""
        return Region(*(v * factor for v in (self.top, self.left, self.bottom, self.right)))

    def grown(self, margin: int, height: int, width: int) -> Region:
        """With a margin on all sides, within a plane of the given size."""
        return Region(
            max(self.top - margin, 0),
            max(self.left - margin, 0),
            min(self.bottom + margin, height),
            min(self.right + margin, width),
        )

    def within(self, outer: Region) -> Region:
        """The same rectangle in the coordinates of one that contains it."""
        return Region(
            self.top - outer.top,
            self.left - outer.left,
            self.bottom - outer.top,
            self.right - outer.left,
        )

    def common(self, other: Region) -> Region:
        """What two rectangles that overlap have in common."""
        return Region(
            max(self.top, other.top),
            max(self.left, other.left),
            min(self.bottom, other.bottom),
            min(self.right, other.right),
        )

    def pieces(self, side: int) -> Iterator[Region]:
        """Squares that cover the rectangle from the upper left, row by row, cut off at its end."""
        for top in range(self.top, self.bottom, side):
            for left in range(self.left, self.right, side):
                yield Region(top, left, min(top + side, self.bottom), min(left + side, self.right))


def padded(size: int) -> int:
    """A side rounded up to whole units of 64 pixels, the step of the side information."""
    return -(-size // TILE_UNIT) * TILE_UNIT


def cut(pixels: Pixels, region: Region, margin: int) -> tuple[Pixels, Region]:
    """A tile with its margin, cut from the padded picture, and the tile's place in it."""
    import numpy as np

    height, width = pixels.shape[:2]
    outer = region.grown(margin, padded(height), padded(width))
    part = pixels[outer.slices]
    below, right = outer.height - part.shape[0], outer.width - part.shape[1]
    return np.pad(part, ((0, below), (0, right), (0, 0)), mode="edge"), region.within(outer)


def pad_edges(pixels: Pixels) -> Pixels:
    """A picture whose last row and column are repeated up to whole units of 64 pixels."""
    height, width = pixels.shape[:2]
    return cut(pixels, Region(0, 0, padded(height), padded(width)), 0)[0]


def tile_count(width: int, height: int, tile: int) -> int:
    """How many tiles of side ``tile`` pixels (or ValueError, if none) cover a picture."""
    if tile <= 0:
        raise ValueError("a tile's side must be positive")
    return -(-width // tile) * -(-height // tile)


def tiles(width: int, height: int, tile: int) -> Iterator[Region]:
    """The tiles of the padded picture, row by row, in pixels; all bounds are multiples of 64."""
    yield from Region(0, 0, padded(height), padded(width)).pieces(tile)


def tiles_met(region: Region, width: int, tile: int) -> Iterator[int]:
    """The numbers of the tiles, row by row, that a region of a picture ``width`` wide lies in."""
    met, columns = region.scaled_out(tile), tile_count(width, 1, tile)
    for row in range(met.top, met.bottom):
        yield from range(row * columns + met.left, row * columns + met.right)
