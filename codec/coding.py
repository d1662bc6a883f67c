"""A picture to a container and back, tile by tile.

Beyond the picture, a decoder has in memory its decoded latents (2.5 bytes a pixel with the default
weights) and what two tiles need. An encoder also has all latents and their corrections (2.5 bytes
each) and errors (half as many), most of it twice, and up to two pictures as the decoder shows them
(3 bytes each).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType
from typing import TypeVar

import numpy as np

from lic import residual_coding
from lic.codec.container import QUALITY_STEPS, Container, Header, WeightsReference
from lic.codec.errors import CorruptFileError, PictureError, WeightsError, extra
from lic.codec.executors import Executor
from lic.codec.latent_coding import CodedTile, decode_latents
from lic.codec.layering import Choice, bit_worth, choose, squared_error
from lic.codec.pixels import Pixels
from lic.codec.progress import Report, ignore
from lic.codec.refinement import WAYS, analysed, code_tile, refined
from lic.codec.synthesis import Synthesis
from lic.codec.tiling import DEFAULT_TILE, TILE_UNIT, Region, tiles, tiles_met
from lic.codec.weights import Weights
from lic.entropy_coding import CorruptStreamError, scale_index
from lic.residual_coding import CorruptLayerError, Settings

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
# A latent this sure of its centre (one in 1,200 is off by a step or more) is not worth its bits.
SKIP_SCALE = 0.15
REFINEMENTS = (0, 2, 5, 5, 5, 5, 5, 5, 5, 5)
"""How often a picture is refined, by effort."""
ITERATIONS = (0, 0, 0, 10, 20, 30, 60, 100, 200, 400)
"""Of annealing, by effort."""
MAX_EFFORT = len(ITERATIONS) - 1
_NO_BOXES: Mapping[str, bytes] = MappingProxyType({})
_GRAY = 128


def header_of(width: int, height: int, quality: int, tile: int = DEFAULT_TILE) -> Header:
    """What the encoder says of a picture; ``quality`` is from 0 to 10000, sides are in pixels."""
    skip_below = int(scale_index(SKIP_SCALE))
    return Header(width, height, quality, skip_below, tile // TILE_UNIT)


def encode_picture(
    pixels: Pixels,
    quality: float,
    weights: Weights,
    tile: int = DEFAULT_TILE,
    effort: int = 0,
    report: Report = ignore,
    alpha: bytes | None = None,
    ancillary: Mapping[str, bytes] = _NO_BOXES,
    max_error: int | None = None,
) -> bytes:
    """A file's bytes; see `lic.codec.encode`. ``tile`` in pixels, a multiple of 64.

    ``alpha`` and ``ancillary`` are payloads of boxes, as in `Container`.
    """
    if effort not in range(len(ITERATIONS)):
        raise PictureError(f"the effort must be a number from 0 to {MAX_EFFORT}, not {effort}")
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8 or pixels.size == 0:
        raise PictureError("a picture must be an array (height, width, 3) of uint8")
    if not 0 <= quality <= 100:
        raise PictureError(f"the quality must lie between 0 and 100, not {quality}")
    if max_error is not None and not 0 <= max_error <= 255:
        raise PictureError(f"the largest error must lie between 0 and 255, not {max_error}")
    if ITERATIONS[effort]:
        with extra("torch", "torch"):
            from lic.codec.annealing import improve
    height, width = pixels.shape[:2]
    header = header_of(width, height, round(quality / 100 * QUALITY_STEPS), tile)
    regions = list(tiles(width, height, tile))
    if max_error is not None:
        settings = Settings.within(max_error)
        layers = _side_by_side(
            lambda region: residual_coding.encode(pixels[region.slices], None, settings),
            regions,
            report,
        )
        choices = [Choice(b"", layer) for layer in layers]
    else:
        executor, passes = weights.executor, 1 + REFINEMENTS[effort]

        def pass_report(number: int) -> Report:
            if ITERATIONS[effort]:
                return ignore
            return lambda done, total: report(number * total + done, passes * total)

        found = list(
            _side_by_side(
                lambda region: encode_tile(pixels, region, header, executor),
                regions,
                pass_report(0),
            )
        )
        synthesis = Synthesis(executor, header)
        shown = _shown(synthesis, found)
        for number, way in enumerate(WAYS[: REFINEMENTS[effort]], start=1):
            found, shown = _refine(
                pixels, found, shown, synthesis, header, way, pass_report(number)
            )
        choices = _choose(pixels, found, shown, synthesis, header)
        if ITERATIONS[effort] and any(choice.stream for choice in choices):
            found = improve(executor, pixels, found, header, ITERATIONS[effort], report)
            shown = _shown(synthesis, found)
            choices = _choose(pixels, found, shown, synthesis, header)
    return Container(
        header,
        WeightsReference(weights.id, weights.digest),
        tuple(choice.stream for choice in choices),
        ancillary,
        alpha,
        tuple(choice.layer.stream if choice.layer else b"" for choice in choices),
    ).to_bytes()


def _shown(synthesis: Synthesis, tiles: Sequence[CodedTile]) -> Pixels:
    """The picture (height, width, 3) that is decoded of tiles, black elsewhere."""
    for tile in tiles:
        synthesis.put(tile.region, tile.decoded)
    shown = np.zeros((synthesis.picture.height, synthesis.picture.width, 3), np.uint8)

    def show(tile: CodedTile) -> None:
        place = tile.region.common(synthesis.picture)
        shown[place.slices] = synthesis.pixels(place)

    deque(_side_by_side(show, tiles), maxlen=0)
    return shown


def _refine(
    pixels: Pixels,
    tiles: list[CodedTile],
    shown: Pixels,
    synthesis: Synthesis,
    header: Header,
    way: int,
    report: Report,
) -> tuple[list[CodedTile], Pixels]:
    """The tiles that are the better for `refinement`, and the others as they were; and the picture.

    Better is what costs less by rate and distortion.
    """
    executor = synthesis.executor
    others = list(
        _side_by_side(lambda tile: refined(executor, shown, tile, header, way), tiles, report)
    )
    after = _shown(synthesis, others)

    def cost(tile: CodedTile, picture: Pixels) -> float:
        place = tile.region.common(synthesis.picture)
        error = squared_error(pixels[place.slices], picture[place.slices])
        return 8 * len(tile.stream) + error / bit_worth(header.quality)

    better = [cost(new, after) < cost(old, shown) for new, old in zip(others, tiles, strict=True)]
    if not any(better):
        return tiles, shown
    if all(better):
        return others, after
    chosen = [new if best else old for new, old, best in zip(others, tiles, better, strict=True)]
    return chosen, _shown(synthesis, chosen)


def _choose(
    pixels: Pixels,
    tiles: list[CodedTile],
    shown: Pixels,
    synthesis: Synthesis,
    header: Header,
) -> list[Choice]:
    """How each tile is coded at last, by what the decoder would show of it."""

    def choose_tile(tile: CodedTile, picture: Pixels, drop: bool) -> Choice:
        place = tile.region.common(synthesis.picture)
        source, base = pixels[place.slices], picture[place.slices]
        exact = synthesis.executor.exact
        return choose(source, base, tile.stream, header.quality, drop=drop, correct=exact)

    choices = list(_side_by_side(lambda tile: choose_tile(tile, shown, True), tiles))
    kept = [tile for tile, choice in zip(tiles, choices, strict=True) if choice.stream]
    if not kept or len(kept) == len(tiles):
        return choices
    # Beside a tile that the network does not code, it shows other pixels than before.
    synthesis.clear()
    shown = _shown(synthesis, kept)
    again = _side_by_side(lambda tile: choose_tile(tile, shown, False), kept)
    return [next(again) if choice.stream else choice for choice in choices]


def _side_by_side(
    function: Callable[[_Item], _Result], items: Sequence[_Item], report: Report = ignore
) -> Iterator[_Result]:
    """The function's results for tiles, in their order, two tiles at a time.

    ``report`` takes numbers of tiles. The coder has one thread: while it codes one tile, the
    networks of another run.
    """
    with ThreadPoolExecutor(max_workers=2) as pool:
        for done, result in enumerate(pool.map(function, items), start=1):
            report(done, len(items))
            yield result


def encode_tile(pixels: Pixels, region: Region, header: Header, executor: Executor) -> CodedTile:
    """A tile of a picture (height, width, 3) before any refinement."""
    latents = analysed(executor, pixels, region, header.quality)
    side = executor.side_information(latents, header.quality)
    return code_tile(executor, region, latents[0], side[0], header)


def decode_pixels(
    container: Container,
    weights: Callable[[], Weights],
    region: Region | None = None,
    report: Report = ignore,
    skip_damaged: bool = False,
) -> Pixels:
    """The pixels of a container, or of a region of its picture; see `lic.codec.decode`.

    ``region`` is in pixels, within the picture. Only the tiles are decoded that influence it. Tiles
    that do not decode are an error, or gray if ``skip_damaged``. ``weights`` gives the network; a
    file without any stream of it does not ask for it.
    """
    header = container.header
    picture = Region(0, 0, header.height, header.width)
    region, side = region or picture, header.tile * TILE_UNIT
    places = list(tiles(header.width, header.height, side))
    streams, layers = container.streams, container.layers or (b"",) * len(places)
    # What is shown of each tile: a layer does not decode in part.
    parts = {
        tile: places[tile].common(picture if layers[tile] else region)
        for tile in tiles_met(region, header.width, side)
    }
    synthesis = None
    if any(streams):
        executor = _executor(container, weights())
        synthesis = Synthesis(executor, header)
    seen = [synthesis.seen(part) for tile, part in parts.items() if synthesis and streams[tile]]
    met = {tile for place in seen for tile in tiles_met(place, header.width, side)}
    coded = sorted(tile for tile in met if streams[tile])
    pixels = np.empty((region.height, region.width, 3), dtype=np.uint8)

    def decode(tile: int) -> None:
        place = places[tile]
        shape = (place.height // TILE_UNIT, place.width // TILE_UNIT)
        try:
            decoded = decode_latents(
                executor, [streams[tile]], shape, header.quality, header.skip_below
            )
        except CorruptStreamError as error:
            if not skip_damaged:
                raise CorruptFileError(f"the picture's data does not decode: {error}") from error
        else:
            assert synthesis is not None  # a tile has a stream
            synthesis.put(place, decoded[0])

    def show(tile: int) -> None:
        part = parts[tile]
        shown = synthesis.pixels(part) if synthesis and streams[tile] else None
        if layers[tile]:
            try:
                shown = residual_coding.decode(layers[tile], shown, (part.height, part.width))
            except CorruptLayerError as error:
                if not skip_damaged:
                    raise CorruptFileError(
                        f"the picture's data does not decode: {error}"
                    ) from error
        wanted = part.common(region)
        pixels[wanted.within(region).slices] = (
            _GRAY if shown is None else shown[wanted.within(part).slices]
        )

    total = len(coded) + len(parts)
    decoded = _side_by_side(decode, coded, lambda done, _: report(done, total))
    deque(decoded, maxlen=0)
    shown = _side_by_side(show, list(parts), lambda done, _: report(len(coded) + done, total))
    deque(shown, maxlen=0)
    return pixels


def _executor(container: Container, weights: Weights) -> Executor:
    """What runs the network that a file was made with; raises WeightsError for another."""
    if container.weights.digest != weights.digest:
        raise WeightsError(
            f"the file was made with other weights of the id {container.weights.id!r} "
            f"(digest {container.weights.digest.hex()}, here {weights.digest.hex()})"
        )
    return weights.executor
