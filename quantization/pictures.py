"""Crops of pictures to calibrate and to compare with."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lic.codec.errors import PictureError
from lic.codec.picture import list_pictures, read_picture
from lic.codec.pixels import Pixels

SIDE = 256
_SEED = 1


def middle_crops(folders: Sequence[Path], count: int) -> list[Pixels]:
    """The middles (256, 256, 3) of that many pictures below folders, drawn at random.

    Pictures that are smaller or cannot be read are passed over.

    Raises
    ------
    PictureError
        If there are not so many.
    """
    paths = list_pictures(folders)
    random.Random(_SEED).shuffle(paths)
    return crops_of(paths, count)


def crops_of(paths: Sequence[Path], count: int) -> list[Pixels]:
    """The middles (256, 256, 3) of the first so many pictures; as `middle_crops`."""
    crops: list[Pixels] = []
    for path in paths:
        if len(crops) == count:
            break
        try:
            pixels = read_picture(path)
        except PictureError:
            continue
        top, left = ((side - SIDE) // 2 for side in pixels.shape[:2])
        if min(top, left) >= 0:
            crops.append(np.ascontiguousarray(pixels[top : top + SIDE, left : left + SIDE]))
    if len(crops) < count:
        raise PictureError(f"{count} pictures of at least {SIDE} pixels a side are wanted")
    return crops
