"""Where the bits of a lic file went: each latent's by the coder's own probabilities, as a map."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lic.codec import MAX_PIXELS, read_container
from lic.codec.container import MAGIC, Container
from lic.codec.executors import Executor, Integers
from lic.codec.latent_coding import decode_latents
from lic.codec.tiling import TILE_UNIT, Region, padded, tiles
from lic.codec.weights import Weights, resolve
from lic.entropy_coding import FactorizedTables, MixtureParameters
from lic.entropy_coding.reference import MixtureDistributions, TableDistributions, symbol_bits
from lic.integer_networks.codec_network import LATENT_STRIDE

Bits = NDArray[np.float64]

_SIDE = TILE_UNIT // LATENT_STRIDE
# Inferno's, from dark to bright: lightness alone tells the order.
_COLOURS = ((0, 0, 4), (66, 10, 104), (147, 38, 103), (221, 81, 58), (252, 165, 10), (252, 255, 164))
# What a few blocks cost beyond all others does not make the rest look empty.
_TOP_PERCENTILE = 99.5

GRADIENT = ", ".join(f"rgb{colour}".replace(" ", "") for colour in _COLOURS)
"""The colours of `painted` from none to all bits, as stops of a gradient in CSS."""


@dataclass(frozen=True, eq=False)
class BitMap:
    """The bits of a file by places and by parts."""

    blocks: Bits
    """(h, w): what each 16x16 pixels of the padded picture cost.

    Side information counts evenly for the 4x4 blocks that it is of, a tile's residual layer evenly
    for the tile's blocks that show some of the picture.
    """
    parts: dict[str, float]
    """Bits of the latents, the side information, the residual layer, and of all else in the file."""


def is_lic_file(data: bytes) -> bool:
    """Whether a file is one that `bit_map` can tell of, by its first bytes."""
    return data.startswith(MAGIC)


def bit_map(data: bytes, weights: str | Weights | None = None) -> BitMap:
    """The map of a lic file; ``weights`` as in `lic.codec.decode`.

    Of the network's streams it is the ideal code length, which their real length exceeds by about a
    thousandth and a few bytes: the difference counts as "all else".

    Raises
    ------
    LicError
        As `lic.codec.decode`, and CorruptStreamError for a stream that does not decode.
    """
    container = read_container(data, MAX_PIXELS)
    header = container.header
    shape = padded(header.height) // LATENT_STRIDE, padded(header.width) // LATENT_STRIDE
    latents, side, layer = np.zeros(shape), np.zeros(shape), _layer_bits(container, shape)
    executor = None
    for place, stream in zip(_tiles(container), container.streams, strict=True):
        if stream:
            executor = executor or resolve(weights or container.weights.id).executor
            tile = place.scaled_down(LATENT_STRIDE)
            ledger = _Ledger(executor, latents[tile.slices], side[tile.slices])
            size = (place.height // TILE_UNIT, place.width // TILE_UNIT)
            decode_latents(executor, [stream], size, header.quality, header.skip_below, ledger)
    parts = {
        "latents": float(latents.sum()),
        "side information": float(side.sum()),
        "residual layer": float(layer.sum()),
    }
    rest = 8 * len(data) - sum(parts.values())
    return BitMap(latents + side + layer, {**parts, "all else": rest})


def painted(blocks: Bits, top: float) -> NDArray[np.uint8]:
    """Bits (h, w) as colours (h, w, 3), from those of 0 to those of ``top`` and more."""
    places = np.linspace(0, 1, len(_COLOURS))
    share = np.clip(blocks / max(top, 1e-9), 0, 1)
    channels = [np.interp(share, places, values) for values in zip(*_COLOURS, strict=True)]
    return np.rint(np.stack(channels, axis=2)).astype(np.uint8)


def top_of(maps: list[BitMap]) -> float:
    """The end of a scale that is good for all the maps, in bits."""
    values = np.concatenate([each.blocks.ravel() for each in maps])
    return float(np.percentile(values, _TOP_PERCENTILE))


class _Ledger:
    """Writes what a tile's symbols cost to the tile's parts (h, w) of two maps."""

    def __init__(self, executor: Executor, latents: Bits, side: Bits) -> None:
        self._latents, self._side = latents, side
        height, width = latents.shape
        blocks = np.arange(height * width).reshape(1, height, width, 1)
        blocks = np.broadcast_to(blocks, (1, height, width, executor.latents))
        self._blocks: Callable[[int], NDArray[np.int64]] = lambda step: executor.gather(
            blocks, step
        )[0]

    def side(self, picture: int, symbols: Integers, tables: FactorizedTables) -> None:
        channels = np.broadcast_to(np.arange(symbols.shape[2], dtype=np.int32), symbols.shape)
        model = TableDistributions(channels.ravel(), tables)
        bits = symbol_bits(symbols.ravel(), model).reshape(symbols.shape).sum(axis=2)
        self._side += np.kron(bits, np.full((_SIDE, _SIDE), 1 / _SIDE**2))

    def step(
        self,
        picture: int,
        step: int,
        coded: NDArray[np.intp],
        symbols: Integers,
        mixtures: MixtureParameters,
    ) -> None:
        bits = symbol_bits(symbols, MixtureDistributions(mixtures))
        sums = np.bincount(self._blocks(step)[coded], bits, self._latents.size)
        self._latents += sums.reshape(self._latents.shape)


def _tiles(container: Container) -> list[Region]:
    header = container.header
    return list(tiles(header.width, header.height, header.tile * TILE_UNIT))


def _layer_bits(container: Container, shape: tuple[int, int]) -> Bits:
    bits = np.zeros(shape)
    picture = Region(0, 0, container.header.height, container.header.width)
    for place, layer in zip(_tiles(container), container.layers, strict=False):
        seen = place.common(picture).scaled_out(LATENT_STRIDE)
        bits[seen.slices] = 8 * len(layer) / (seen.height * seen.width)
    return bits
