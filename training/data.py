"""Training pictures: folders read once into memory as 8-bit arrays, random crops from there.

A crop is a slice of an array in memory, so the network never waits for files.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lic.codec.errors import PictureError
from lic.codec.picture import list_pictures, read_picture
from lic.training.errors import TrainingError

_log = logging.getLogger(__name__)


class CropDataset:
    """Random square crops of the pictures below some folders, flipped and transposed at random.

    Pictures smaller than ``min_side`` and broken files are skipped with a warning. Reading stops
    after ``max_pixels``, taken evenly over the list.

    Raises
    ------
    TrainingError
        If no picture remains.
    """

    def __init__(
        self, folders: Sequence[Path], min_side: int, max_pixels: float, seed: int = 0
    ) -> None:
        self.pictures: list[NDArray[np.uint8]] = []
        self.random = np.random.default_rng(seed)
        paths = list_pictures(folders)
        np.random.default_rng(0).shuffle(paths)  # type: ignore[arg-type]
        pixels = 0
        for path in paths:
            if pixels >= max_pixels:
                break
            try:
                picture = read_picture(path)
            except PictureError as error:
                _log.warning("skipped: %s", error)
                continue
            if min(picture.shape[:2]) < min_side:
                _log.warning("skipped %s: smaller than %d pixels", path, min_side)
                continue
            self.pictures.append(picture)
            pixels += picture.shape[0] * picture.shape[1]
        if not self.pictures:
            names = ", ".join(map(str, folders))
            raise TrainingError(f"no picture of {min_side} pixels or more in {names}")
        areas = np.array([p.shape[0] * p.shape[1] for p in self.pictures], dtype=np.float64)
        self._weights = areas / areas.sum()

    def batch(self, size: int, side: int) -> Tensor:
        """A batch (size, 3, side, side) of uint8 crops; pictures are drawn by their area."""
        crops = np.empty((size, side, side, 3), dtype=np.uint8)
        for i, index in enumerate(self.random.choice(len(self.pictures), size, p=self._weights)):
            picture = self.pictures[index]
            top = self.random.integers(picture.shape[0] - side + 1)
            left = self.random.integers(picture.shape[1] - side + 1)
            crop = picture[top : top + side, left : left + side]
            flips = self.random.integers(8)
            if flips & 1:
                crop = crop[::-1]
            if flips & 2:
                crop = crop[:, ::-1]
            if flips & 4:
                crop = crop.transpose(1, 0, 2)
            crops[i] = crop
        return torch.from_numpy(crops).permute(0, 3, 1, 2)
