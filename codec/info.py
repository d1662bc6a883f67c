"""What a file says of itself, as plain values."""

from __future__ import annotations

from typing import Any

from lic.codec.container import VERSION, Container
from lic.codec.metadata import GRAY, original_of
from lic.codec.tiling import TILE_UNIT

# How the residual layer's streams end: with a check value.
_CHECK_BYTES = 3


def describe(container: Container) -> dict[str, Any]:
    """Facts of a container, for people and for JSON. Sizes in bytes, ``tile`` in pixels.

    ``quality`` is that of the network, None if no tile is coded by it. ``lossless`` is about
    samples of 8 bits, to which those of more bits were rounded.
    """
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
        "quality": 100 * header.level if any(container.streams) else None,
        "lossless": bool(container.layers) and all(map(_is_exact, container.layers)),
        "skip_below": header.skip_below,
        "tile": header.tile * TILE_UNIT,
        "tiles": header.tiles,
        "bytes": total,
        "bpp": 8 * total / (header.width * header.height),
        "parts": parts,
    }


def _is_exact(layer: bytes) -> bool:
    """Whether a stream of the residual layer codes all pixels one by one, with a bound of 0.

    It begins with raw bits: 1 for pixels, 0 for no blocks, then seven of the bound. In arithmetic
    coding raw bits are the inverted bits of the stream, as long as there are no others before.
    """
    code = layer[:-_CHECK_BYTES]
    return code[:1] == b"\x7f" and code[1:2] >= b"\x80"
