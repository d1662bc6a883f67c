"""Where the bits of a lic file went: each latent's by the coder's own probabilities, as a map."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lic.codec import MAX_PIXELS, read_container
from lic.codec.container import MAGIC, Container
from lic.codec.errors import CorruptFileError
from lic.codec.executors import Executor, Integers
from lic.codec.latent_coding import decode_latents
from lic.codec.tiling import TILE_UNIT, Region, padded, tiles
from lic.codec.weights import Weights, resolve
from lic.entropy_coding import CorruptStreamError, FactorizedTables, MixtureParameters
from lic.entropy_coding.reference import MixtureDistributions, TableDistributions, symbol_bits
from lic.integer_networks.codec_network import LATENT_STRIDE

Bits = NDArray[np.float64]

BLOCK = LATENT_STRIDE
"""The side in pixels of what a latent stands for."""

_SIDE = TILE_UNIT // BLOCK


@dataclass(frozen=True, eq=False)
class BitMap:
    """The bits of a file by places and by parts."""

    blocks: Bits
    """(h, w): what each `BLOCK` x `BLOCK` pixels of the padded picture cost.

    Side information counts evenly for the 4x4 blocks that it is of, a tile's residual layer evenly
    for the tile's blocks that show some of the picture.
    """
    parts: dict[str, float]
    """Bits of the latents, the side information, the residual layer, and all else in the file."""


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
        As `lic.codec.decode`.
    """
    container = read_container(data, MAX_PIXELS)
    header = container.header
    shape = padded(header.height) // BLOCK, padded(header.width) // BLOCK
    latents, side, layer = np.zeros(shape), np.zeros(shape), _layer_bits(container, shape)
    executor = None
    for place, stream in zip(_tiles(container), container.streams, strict=True):
        if stream:
            executor = executor or resolve(weights or container.weights.id).executor
            tile = place.scaled_down(BLOCK)
            ledger = _Ledger(executor, latents[tile.slices], side[tile.slices])
            size = (place.height // TILE_UNIT, place.width // TILE_UNIT)
            try:
                decode_latents(executor, [stream], size, header.quality, header.skip_below, ledger)
            except CorruptStreamError as error:
                raise CorruptFileError(f"the picture's data does not decode: {error}") from error
    parts = {
        "latents": float(latents.sum()),
        "side information": float(side.sum()),
        "residual layer": float(layer.sum()),
    }
    rest = 8 * len(data) - sum(parts.values())
    return BitMap(latents + side + layer, {**parts, "all else": rest})


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
        seen = place.common(picture).scaled_out(BLOCK)
        bits[seen.slices] = 8 * len(layer) / (seen.height * seen.width)
    return bits
