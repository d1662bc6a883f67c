"""What a file says of itself, as plain values."""

from __future__ import annotations

from typing import Any

from lic.codec.container import VERSION, Container
from lic.codec.metadata import GRAY, original_of
from lic.codec.tiling import TILE_UNIT


def describe(container: Container) -> dict[str, Any]:
    """Facts of a container, for people and for JSON. Sizes in bytes, ``tile`` in pixels."""
    header, weights, parts = container.header, container.weights, container.parts()
    original = original_of(container.ancillary)
    total = sum(parts.values())
    return {
        "format_version": VERSION,
        "weights": weights.id,
        "weights_digest": weights.digest.hex(),
        "width": header.width,
        "height": header.height,
        "colours": "gray" if original.channels == GRAY else "RGB",
        "transparent": container.alpha is not None,
        "original_bits": original.bits,
        "quality": 100 * header.level,
        "skip_below": header.skip_below,
        "tile": header.tile * TILE_UNIT,
        "tiles": header.tiles,
        "bytes": total,
        "bpp": 8 * total / (header.width * header.height),
        "parts": parts,
    }
