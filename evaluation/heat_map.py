"""The map of a file's bits in colours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lic.codec.bit_map import BitMap, Bits

# Inferno's, from dark to bright: lightness alone tells the order.
_COLOURS = (
    (0, 0, 4),
    (66, 10, 104),
    (147, 38, 103),
    (221, 81, 58),
    (252, 165, 10),
    (252, 255, 164),
)
# What a few blocks cost beyond all others does not make the rest look empty.
_TOP_PERCENTILE = 99.5

GRADIENT = ", ".join(f"rgb{colour}".replace(" ", "") for colour in _COLOURS)
"""The colours of `painted` from none to all bits, as stops of a gradient in CSS."""


def painted(blocks: Bits, top: float) -> NDArray[np.uint8]:
    """Bits (h, w) as colours (h, w, 3), from those of 0 to those of ``top`` and more."""
    places = np.linspace(0, 1, len(_COLOURS))
    share = np.clip(blocks / max(top, 1e-9), 0, 1)
    channels = [np.interp(share, places, values) for values in zip(*_COLOURS, strict=True)]
    colours: NDArray[np.uint8] = np.rint(np.stack(channels, axis=2)).astype(np.uint8)
    return colours


def top_of(maps: Sequence[BitMap]) -> float:
    """The end of a scale that is good for all the maps, in bits."""
    values = np.concatenate([each.blocks.ravel() for each in maps])
    return float(np.percentile(values, _TOP_PERCENTILE))
