"""Transparency: the box A, a plane of alpha that is coded without loss, and colours under it.

The plane is compressed with zlib after a prediction that is the same everywhere. The masks, edges
and shadows of which such planes consist are runs and repetitions, which zlib is made for.
"""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from lic.codec.errors import CorruptFileError
from lic.codec.inflate import inflated
from lic.codec.pixels import Pixels

_NONE, _LEFT, _ABOVE = range(3)
_Reals = NDArray[np.float32]
_AXES = {_LEFT: 1, _ABOVE: 0}


def pack_alpha(alpha: NDArray[np.uint8]) -> bytes:
    """The payload of the box A for a plane (height, width); the shortest of three."""
    candidates = [bytes([_NONE]) + _deflated(alpha)]
    for prediction, axis in _AXES.items():
        # Differences to the neighbour, modulo 256; the first ones are to 0.
        candidates.append(bytes([prediction]) + _deflated(np.diff(alpha, axis=axis, prepend=0)))
    return min(candidates, key=len)


def _deflated(plane: NDArray[np.uint8]) -> bytes:
    return zlib.compress(plane.astype(np.uint8).tobytes(), 9)


def unpack_alpha(payload: bytes, height: int, width: int) -> NDArray[np.uint8]:
    """The plane (height, width) of the payload of a box A.

    Raises
    ------
    CorruptFileError
        If the payload does not hold just such a plane.
    """
    prediction = payload[0] if payload else None
    if prediction not in (_NONE, *_AXES):
        raise CorruptFileError("the file is corrupt: it predicts alpha in an unknown way")
    samples = inflated(payload[1:], height * width)
    if len(samples) != height * width:
        raise CorruptFileError("the file is corrupt: its alpha is not of the picture's size")
    plane = np.frombuffer(samples, np.uint8).reshape(height, width)
    if prediction in _AXES:
        return np.cumsum(plane, axis=_AXES[prediction], dtype=np.uint8)
    return plane


def with_smooth_colours(pixels: Pixels, alpha: NDArray[np.uint8]) -> Pixels:
    """The picture with other colours where it is invisible, which cost fewer bits.

    Invisible pixels take the mean colour of the visible ones around them, from a pyramid: that of
    their block of 2x2, if there is a visible one, or else of 4x4, and so on.
    """
    visible = alpha > 0
    if visible.all():
        return pixels
    filled = _filled(pixels.astype(np.float32) * visible[:, :, None], visible.astype(np.float32))
    return np.where(visible[:, :, None], pixels, np.rint(filled).astype(np.uint8))


def _filled(sums: _Reals, weights: _Reals) -> _Reals:
    """Colours ``sums / weights`` where there is weight, and of the surroundings elsewhere."""
    height, width = weights.shape
    known: _Reals = sums / np.maximum(weights, 1)[:, :, None]
    if weights.all() or height == width == 1:
        return known
    even = ((0, height % 2), (0, width % 2))
    blocks = np.pad(weights, even).reshape(-(-height // 2), 2, -(-width // 2), 2)
    colours = np.pad(sums, (*even, (0, 0))).reshape(*blocks.shape, 3)
    coarse = _filled(colours.sum(axis=(1, 3)), blocks.sum(axis=(1, 3)))
    fine = coarse.repeat(2, axis=0).repeat(2, axis=1)[:height, :width]
    return np.where(weights[:, :, None] > 0, known, _softened(fine))


def _softened(colours: _Reals) -> _Reals:
    """Means of each pixel (twice) and its two neighbours, in rows and then in columns."""
    for axis in (0, 1):
        edges = [(0, 0), (0, 0), (0, 0)]
        edges[axis] = (1, 1)
        wide = np.moveaxis(np.pad(colours, edges, mode="edge"), axis, 0)
        colours = np.moveaxis((wide[:-2] + 2 * wide[1:-1] + wide[2:]) / 4, 0, axis)
    return colours
