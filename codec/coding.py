"""A picture to a container and back, tile by tile.

Memory beyond the picture itself and its decoded latents (2 bytes a pixel with the default family)
is bounded by two tiles.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from lic.codec.container import QUALITY_STEPS, Container, Header, WeightsReference
from lic.codec.errors import CorruptFileError, PictureError, WeightsError, extra
from lic.codec.latent_coding import CodedTile, decode_latents, encode_latents
from lic.codec.pixels import Pixels
from lic.codec.progress import Report, ignore
from lic.codec.tiling import DEFAULT_TILE, TILE_UNIT, Region, cut, padded, tiles
from lic.codec.weights import Weights
from lic.entropy_coding import CorruptStreamError, scale_index
from lic.integer_networks.codec_network import LATENT_STRIDE

_Result = TypeVar("_Result")
# A latent this sure of its centre (one in 1,200 is off by a step or more) is not worth its bits.
SKIP_SCALE = 0.15
ITERATIONS = (0, 1, 3, 10, 20, 30, 60, 100, 200, 400)
"""Of annealing, by effort."""
MAX_EFFORT = len(ITERATIONS) - 1


def encode_picture(
    pixels: Pixels,
    quality: float,
    weights: Weights,
    tile: int = DEFAULT_TILE,
    effort: int = 0,
    report: Report = ignore,
) -> bytes:
    """A file's bytes; see `lic.codec.encode`. ``tile`` in pixels, a multiple of 64."""
    if effort not in range(len(ITERATIONS)):
        raise PictureError(f"the effort must be a number from 0 to {MAX_EFFORT}, not {effort}")
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8 or pixels.size == 0:
        raise PictureError("a picture must be an array (height, width, 3) of uint8")
    if not 0 <= quality <= 100:
        raise PictureError(f"the quality must lie between 0 and 100, not {quality}")
    if effort:
        with extra("torch", "torch"):
            from lic.codec.annealing import improve
    height, width = pixels.shape[:2]
    header = Header(
        width=width,
        height=height,
        quality=round(quality / 100 * QUALITY_STEPS),
        skip_below=int(scale_index(SKIP_SCALE)),
        tile=tile // TILE_UNIT,
    )
    coded = list(
        _side_by_side(
            lambda region: _encode_tile(pixels, region, header, weights, bool(effort)),
            list(tiles(width, height, tile)),
            ignore if effort else report,
        )
    )
    if effort:
        improve(weights, pixels, coded, header, ITERATIONS[effort], report)
    streams = tuple(tile.stream for tile in coded)
    return Container(header, WeightsReference(weights.id, weights.digest), streams).to_bytes()


def _side_by_side(
    function: Callable[[Region], _Result], regions: Sequence[Region], report: Report
) -> Iterator[_Result]:
    """The function's results for tiles, in their order, two tiles at a time.

    ``report`` takes numbers of tiles.

    The coder has one thread: while it codes one tile, the networks of another run.
    """
    with ThreadPoolExecutor(max_workers=2) as pool:
        for done, result in enumerate(pool.map(function, regions), start=1):
            report(done, len(regions))
            yield result


def _encode_tile(
    pixels: Pixels, region: Region, header: Header, weights: Weights, keep: bool
) -> CodedTile:
    """A tile's stream, and what it decodes to, if that is to be kept."""
    executor = weights.executor
    part, core = cut(pixels, region, executor.halo * LATENT_STRIDE)
    rows, columns = core.scaled_down(LATENT_STRIDE).slices
    latents = executor.analyse(part[None], header.quality)[:, rows, columns]
    latents = np.ascontiguousarray(latents)
    side = executor.side_information(latents, header.quality)
    targets = executor.targets(latents, header.quality)
    streams, decoded = encode_latents(executor, targets, side, header.quality, header.skip_below)
    return CodedTile(region, streams[0], decoded[0] if keep else None)


def decode_picture(container: Container, weights: Weights, report: Report = ignore) -> Pixels:
    """The pixels of a container; see `lic.codec.decode`."""
    header, executor = container.header, weights.executor
    if container.weights.digest != weights.digest:
        raise WeightsError(
            f"the file was made with other weights of the id {container.weights.id!r} "
            f"(digest {container.weights.digest.hex()}, here {weights.digest.hex()})"
        )
    rows, columns = padded(header.height) // LATENT_STRIDE, padded(header.width) // LATENT_STRIDE
    regions = list(tiles(header.width, header.height, header.tile * TILE_UNIT))
    latents = np.empty((rows, columns, executor.latents), executor.latent_type)
    streams = dict(zip(regions, container.streams, strict=True))

    def decode(region: Region) -> None:
        shape = (region.height // TILE_UNIT, region.width // TILE_UNIT)
        decoded = decode_latents(
            executor, [streams[region]], shape, header.quality, header.skip_below
        )
        latents[region.scaled_down(LATENT_STRIDE).slices] = decoded[0]

    pixels = np.empty((header.height, header.width, 3), dtype=np.uint8)

    def synthesise(region: Region) -> None:
        inner = region.scaled_down(LATENT_STRIDE)
        outer = inner.grown(executor.halo, rows, columns)
        part = np.ascontiguousarray(latents[outer.slices])[None]
        shown = executor.synthesise(part, header.quality)[0]
        shown = shown[inner.within(outer).scaled_up(LATENT_STRIDE).slices]
        target = pixels[region.slices]  # which ends where the picture does
        target[:] = shown[: target.shape[0], : target.shape[1]]

    count = len(regions)
    try:
        decoded = _side_by_side(decode, regions, lambda done, _: report(done, 2 * count))
        deque(decoded, maxlen=0)
    except CorruptStreamError as error:
        raise CorruptFileError(f"the picture's data does not decode: {error}") from error
    shown = _side_by_side(synthesise, regions, lambda done, _: report(count + done, 2 * count))
    deque(shown, maxlen=0)
    return pixels
