"""The picture that the network shows, piece by piece, once latents are decoded."""

from __future__ import annotations

import numpy as np

from lic.codec.container import Header
from lic.codec.executors import Executor, Latents
from lic.codec.pixels import Pixels
from lic.codec.tiling import Region, padded
from lic.integer_networks.codec_network import LATENT_STRIDE


class Synthesis:
    """The decoded latents of a picture, and what they show."""

    def __init__(self, executor: Executor, header: Header) -> None:
        self.executor, self._quality = executor, header.quality
        self.picture = Region(0, 0, header.height, header.width)
        self._rows, self._columns = (
            padded(side) // LATENT_STRIDE for side in (header.height, header.width)
        )
        # Those of tiles that the network does not code are zeros. They take memory once written.
        shape = (self._rows, self._columns, executor.latents)
        self._latents = np.zeros(shape, executor.latent_type)

    def clear(self) -> None:
        """Forget all tiles."""
        self._latents[:] = 0

    def put(self, tile: Region, latents: Latents | int) -> None:
        """Set a tile's decoded latents (h, w, M); ``tile`` in pixels of the padded picture."""
        self._latents[tile.scaled_down(LATENT_STRIDE).slices] = latents

    def seen(self, region: Region) -> Region:
        """Where the latents lie that influence a region; both in pixels of the padded picture."""
        return self._latents_of(region).scaled_up(LATENT_STRIDE)

    def pixels(self, region: Region) -> Pixels:
        """The pixels (height, width, 3) of a region, of whose latents all must have been set."""
        place = self._latents_of(region)
        part = np.ascontiguousarray(self._latents[place.slices])[None]
        shown = self.executor.synthesise(part, self._quality)[0]
        pixels: Pixels = shown[region.within(place.scaled_up(LATENT_STRIDE)).slices]
        return pixels

    def _latents_of(self, region: Region) -> Region:
        inner = region.scaled_out(LATENT_STRIDE)
        return inner.grown(self.executor.halo, self._rows, self._columns)
