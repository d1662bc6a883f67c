"""A picture to a container and back, tile by tile.

Memory beyond the picture itself and its decoded latents (2 bytes a pixel with the default family)
is bounded by two tiles.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType
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
from lic.integer_networks.codec_network import LATENT_STRIDE, SIDE_STRIDE

_Result = TypeVar("_Result")
# A latent this sure of its centre (one in 1,200 is off by a step or more) is not worth its bits.
SKIP_SCALE = 0.15
_NO_BOXES: Mapping[str, bytes] = MappingProxyType({})


def encode_picture(
    pixels: Pixels,
    quality: float,
    weights: Weights,
    tile: int = DEFAULT_TILE,
    effort: int = 0,
    report: Report = ignore,
    alpha: bytes | None = None,
    ancillary: Mapping[str, bytes] = _NO_BOXES,
) -> bytes:
    """A file's bytes; see `lic.codec.encode`. ``tile`` in pixels, a multiple of 64.

    ``alpha`` and ``ancillary`` are payloads of boxes, as in `Container`.
    """
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
            tiles(width, height, tile),
        )
    )
    if effort:
        improve(weights, pixels, coded, header, effort, report)
    streams = tuple(tile.stream for tile in coded)
    reference = WeightsReference(weights.id, weights.digest)
    return Container(header, reference, streams, ancillary, alpha).to_bytes()


def _side_by_side(
    function: Callable[[Region], _Result], regions: Iterable[Region]
) -> Iterator[_Result]:
    """The function's results for tiles, in their order, two tiles at a time.

    The coder has one thread: while it codes one tile, the networks of another run.
    """
    with ThreadPoolExecutor(max_workers=2) as pool:
        yield from pool.map(function, regions)


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


def decode_pixels(
    container: Container,
    weights: Weights,
    region: Region | None = None,
    skip_damaged: bool = False,
) -> Pixels:
    """The pixels of a container, or of a region of its picture; see `lic.codec.decode`.

    ``region`` is in pixels, within the picture. Only the tiles are decoded whose latents influence
    it. Tiles that do not decode are an error, or gray if ``skip_damaged``.
    """
    header, executor = container.header, weights.executor
    if container.weights.digest != weights.digest:
        raise WeightsError(
            f"the file was made with other weights of the id {container.weights.id!r} "
            f"(digest {container.weights.digest.hex()}, here {weights.digest.hex()})"
        )
    region = region or Region(0, 0, header.height, header.width)
    rows, columns = padded(header.height) // LATENT_STRIDE, padded(header.width) // LATENT_STRIDE
    needed = region.scaled_out(LATENT_STRIDE).grown(executor.halo, rows, columns)
    tile = header.tile * TILE_UNIT
    streams = {
        place.scaled_down(LATENT_STRIDE): stream
        for place, stream in zip(
            tiles(header.width, header.height, tile), container.streams, strict=True
        )
        if place.scaled_down(LATENT_STRIDE).meets(needed)
    }
    first, last = next(iter(streams)), next(reversed(streams))
    covered = Region(first.top, first.left, last.bottom, last.right)
    latents = np.empty((covered.height, covered.width, executor.latents), executor.latent_type)

    def decode(place: Region) -> None:
        shape = (place.height // SIDE_STRIDE, place.width // SIDE_STRIDE)
        target = latents[place.within(covered).slices]
        try:
            target[:] = decode_latents(
                executor, [streams[place]], shape, header.quality, header.skip_below
            )[0]
        except CorruptStreamError as error:
            if not skip_damaged:
                raise CorruptFileError(f"the picture's data does not decode: {error}") from error
            target[:] = 0

    pixels = np.empty((region.height, region.width, 3), dtype=np.uint8)

    def synthesise(piece: Region) -> None:
        outer = piece.scaled_out(LATENT_STRIDE).grown(executor.halo, rows, columns)
        part = np.ascontiguousarray(latents[outer.within(covered).slices])[None]
        shown = executor.synthesise(part, header.quality)[0]
        place = piece.within(outer.scaled_up(LATENT_STRIDE))
        pixels[piece.within(region).slices] = shown[place.slices]

    deque(_side_by_side(decode, streams), maxlen=0)
    deque(_side_by_side(synthesise, region.pieces(tile)), maxlen=0)
    return pixels
