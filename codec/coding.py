"""A picture to a container and back, tile by tile.

Memory beyond the picture itself and its latents is bounded by one tile; the latents take 4 bytes a
pixel to decode, and twice that to encode, which keeps them with what the analysis said.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from lic.codec.annealing import CodedTile, Report, improve
from lic.codec.container import QUALITY_STEPS, Container, Header, WeightsReference
from lic.codec.errors import CorruptFileError, PictureError, WeightsError
from lic.codec.tiling import DEFAULT_TILE, TILE_UNIT, Region, padded, tiles
from lic.codec.weights import Weights
from lic.entropy_coding import CorruptStreamError, scale_index

# A latent this sure of its centre (one in 1,200 is off by a step or more) is not worth its bits.
SKIP_SCALE = 0.15


def encode_picture(
    pixels: NDArray[np.uint8],
    quality: float,
    weights: Weights,
    tile: int = DEFAULT_TILE,
    effort: int = 0,
    report: Report = lambda done, total: None,
) -> bytes:
    """A file's bytes; see `lic.codec.encode`. ``tile`` in pixels, a multiple of 64."""
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8 or pixels.size == 0:
        raise PictureError("a picture must be an array (height, width, 3) of uint8")
    if not 0 <= quality <= 100:
        raise PictureError(f"the quality must lie between 0 and 100, not {quality}")
    height, width = pixels.shape[:2]
    steps = round(quality / 100 * QUALITY_STEPS)
    level = steps / QUALITY_STEPS
    skip_below = int(scale_index(SKIP_SCALE))
    runtime = weights.runtime
    coded = []
    for region in tiles(width, height, tile):
        part, core = _part(pixels, region, runtime.halo * runtime.stride)
        y = runtime.analyse(part, core.scaled_down(runtime.stride), level)
        z = runtime.side_information(y, level)
        coded.append(CodedTile(region, y, *runtime.code(y, z, level, skip_below)))
    if effort:
        improve(runtime, pixels, coded, level, skip_below, effort, report)
    streams = tuple(t.stream for t in coded)
    header = Header(
        width=width,
        height=height,
        quality=steps,
        skip_below=skip_below,
        tile=tile // TILE_UNIT,
    )
    return Container(header, WeightsReference(weights.id, weights.digest), streams).to_bytes()


def _part(
    pixels: NDArray[np.uint8], region: Region, margin: int
) -> tuple[NDArray[np.uint8], Region]:
    """A tile with its margin, cut from the padded picture, and the tile's place in it."""
    height, width = pixels.shape[:2]
    outer = region.grown(margin, padded(height), padded(width))
    part = pixels[outer.slices]
    below, right = outer.height - part.shape[0], outer.width - part.shape[1]
    part = np.pad(part, ((0, below), (0, right), (0, 0)), mode="edge")
    return part, region.within(outer)


def decode_picture(container: Container, weights: Weights) -> NDArray[np.uint8]:
    """The pixels of a container; see `lic.codec.decode`."""
    header, runtime = container.header, weights.runtime
    if container.weights.digest != weights.digest:
        raise WeightsError(
            f"the file was made with other weights of the id {container.weights.id!r} "
            f"(digest {container.weights.digest.hex()}, here {weights.digest.hex()})"
        )
    level = header.level
    stride, tile = runtime.stride, header.tile * TILE_UNIT
    rows, columns = padded(header.height) // stride, padded(header.width) // stride
    regions = list(tiles(header.width, header.height, tile))
    latents = torch.empty(1, runtime.latents, rows, columns)
    for region, stream in zip(regions, container.streams, strict=True):
        place = region.scaled_down(stride).slices
        shape = (region.height // TILE_UNIT, region.width // TILE_UNIT)
        try:
            y = runtime.decode(stream, shape, level, header.skip_below)
        except CorruptStreamError as error:
            raise CorruptFileError(f"the picture's data does not decode: {error}") from error
        latents[:, :, place[0], place[1]] = y
    pixels = np.empty((rows * stride, columns * stride, 3), dtype=np.uint8)
    for region in regions:
        inner = region.scaled_down(stride)
        outer = inner.grown(runtime.halo, rows, columns)
        place = outer.slices
        part = latents[:, :, place[0], place[1]].contiguous()
        pixels[region.slices] = runtime.synthesise(part, inner.within(outer), level)
    return np.ascontiguousarray(pixels[: header.height, : header.width])
