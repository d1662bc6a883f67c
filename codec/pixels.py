"""Pictures as arrays; `lic.codec.picture` has picture files, `lic.codec.images` Pillow's images."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lic.codec.errors import PictureError
from lic.codec.metadata import GRAY, Metadata, Original

if TYPE_CHECKING:
    from PIL.Image import Image

Pixels = NDArray[np.uint8]
"""(height, width, 3), RGB."""


@dataclass(frozen=True, eq=False)
class Picture:
    """Everything that a file keeps of a picture."""

    pixels: Pixels
    """(height, width, 3), uint8; RGB, with three equal channels if the picture is gray."""
    alpha: NDArray[np.uint8] | None = None
    """(height, width): 0 is invisible, 255 opaque; None if all of the picture is opaque."""
    metadata: Metadata = field(default_factory=Metadata)
    original: Original = field(default_factory=Original)

    @property
    def gray(self) -> bool:
        """Whether the picture is gray."""
        return self.original.channels == GRAY

    @classmethod
    def from_array(cls, array: NDArray[Any]) -> Picture:
        """The picture of an array of uint8, the inverse of `array`.

        Raises
        ------
        PictureError
            If the array has another type or shape than those of `array`, or no pixels.
        """
        channels = 1 if array.ndim == 2 else array.shape[2] if array.ndim == 3 else 0
        if array.dtype != np.uint8 or array.size == 0 or not 1 <= channels <= 4:
            raise PictureError(
                "a picture must be an array of uint8, (height, width) if it is gray, or "
                "(height, width, 3) for RGB; 2 or 4 channels have alpha as the last one"
            )
        planes = array[:, :, None] if array.ndim == 2 else array
        alpha = np.ascontiguousarray(planes[:, :, -1]) if channels in (2, 4) else None
        if channels < 3:
            pixels = np.repeat(planes[:, :, :1], 3, axis=2)
            return cls(pixels, _visible(alpha), original=Original(GRAY))
        return cls(np.ascontiguousarray(planes[:, :, :3]), _visible(alpha))

    def array(self) -> NDArray[np.uint8]:
        """All samples: (height, width) or, with alpha, (height, width, 2) of a gray picture.

        Of any other (height, width, 3) or, with alpha, (height, width, 4).
        """
        if self.alpha is None:
            return np.ascontiguousarray(self.pixels[:, :, 0]) if self.gray else self.pixels
        colours = self.pixels[:, :, :1] if self.gray else self.pixels
        return np.concatenate([colours, self.alpha[:, :, None]], axis=2)

    def to_image(self) -> Image:
        """An image of Pillow's, of the mode L, LA, RGB or RGBA, with the metadata in ``info``."""
        from lic.codec.images import to_image

        return to_image(self)


def _visible(alpha: NDArray[np.uint8] | None) -> NDArray[np.uint8] | None:
    """An alpha channel, or None if it is opaque everywhere."""
    return None if alpha is None or alpha.min() == 255 else alpha


def mean_gray(pixels: Pixels) -> Pixels:
    """Gray pixels, each of which is the mean of the three channels, rounded to the nearest."""
    total = pixels.sum(axis=2, dtype=np.uint16)
    return np.repeat(((total + 1) // 3).astype(np.uint8)[:, :, None], 3, axis=2)


def psnr_of(mse: float) -> float:
    """Peak signal-to-noise ratio in dB of a mean squared error in 8-bit levels; inf for zero."""
    return math.inf if mse == 0 else 10 * math.log10(255**2 / mse)
