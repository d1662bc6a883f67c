"""The encoder corrects latents by what the decoder shows of them.

The analysis of what is shown differs from that of the picture by D = y - A(S(y')). A part of D is
the latent's own error of rounding, e. The rest are errors of the latents around it, for which it
can make up. Its own part is the response times e, where a channel's response is <D, e> / <e, e>:
errors of rounding hardly depend on each other. So the targets become y + a (D - response e), and
are coded again. This is a step of coordinate descent on the squared error, in which the analysis
takes the place of the synthesis' gradient: training made it nearly the adjoint. Where all latents
move at once, they go too far; so each pass goes less of its way than the one before (`WAYS`).
`annealing` gets further, by gradients of rate and distortion, and takes much longer.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lic.codec.container import Header
from lic.codec.executors import Executor, Integers, Latents
from lic.codec.latent_coding import ERROR_LIMIT, CodedTile, encode_latents
from lic.codec.pixels import Pixels
from lic.codec.rounding import ALONE, REFINED
from lic.codec.tiling import Region, cut
from lic.integer_networks.codec_network import LATENT_STRIDE

_UNIT = 256
"""Of responses."""
WAYS = (7, 4, 3, 2, 1)
"""How far each pass goes of its way, in eighths."""
# A channel of few latents has nearly the tile's response: that of so many latents is added.
_PRIOR = 64
_LIMIT = 2**15 - 1


def corrected_targets(
    executor: Executor, latents: Latents, quality: int, correction: NDArray[np.int16] | int
) -> NDArray[np.int64]:
    """What the symbols of a tile's latents (h, w, M) should say: (1, h, w, M) in 1/64 step."""
    return executor.targets(latents[None], quality) + correction


def analysed(executor: Executor, pixels: Pixels, region: Region, quality: int) -> Latents:
    """The latents (1, h, w, M) of a region of a picture (height, width, 3)."""
    part, core = cut(pixels, region, executor.halo * LATENT_STRIDE)
    rows, columns = core.scaled_down(LATENT_STRIDE).slices
    return np.ascontiguousarray(executor.analyse(part[None], quality)[:, rows, columns])


def code_tile(
    executor: Executor,
    region: Region,
    latents: Latents,
    side: Integers,
    header: Header,
    correction: NDArray[np.int16] | int = 0,
    response: NDArray[np.int32] | None = None,
) -> CodedTile:
    """A tile of latents (h, w, M) and symbols (h/4, w/4, Z) with the correction of its targets."""
    quality = header.quality
    targets = corrected_targets(executor, latents, quality, correction)
    left = np.empty(targets.shape, np.int8)
    (stream,), decoded = encode_latents(
        executor,
        targets,
        side[None],
        quality,
        header.skip_below,
        ALONE if response is None else REFINED,
        left,
    )
    errors = (left[0] - correction).clip(-ERROR_LIMIT, ERROR_LIMIT).astype(np.int8)
    return CodedTile(region, latents, side, stream, decoded[0], errors, correction, response)


def refined(
    executor: Executor, shown: Pixels, tile: CodedTile, header: Header, way: int
) -> CodedTile:
    """A tile, coded again; ``shown`` (height, width, 3) is the picture that is decoded so far.

    ``way`` is one of `WAYS`.
    """
    correction, response = next_correction(executor, shown, tile, header.quality, way)
    return code_tile(executor, tile.region, tile.latents, tile.side, header, correction, response)


def next_correction(
    executor: Executor, shown: Pixels, tile: CodedTile, quality: int, way: int
) -> tuple[NDArray[np.int16], NDArray[np.int32]]:
    """The correction (h, w, M) and the response (M,) with which a tile is coded again."""
    seen = executor.targets(analysed(executor, shown, tile.region, quality), quality)[0]
    lack = _limited(executor.targets(tile.latents[None], quality)[0] - seen)
    response = response_of(lack, tile.errors) if tile.response is None else tile.response
    others = _UNIT * lack.astype(np.int32) - response * tile.errors
    missing = way * (others - _UNIT * np.asarray(tile.correction, np.int32))
    return _limited(tile.correction + (missing + 4 * _UNIT) // (8 * _UNIT)), response


def response_of(lack: NDArray[np.int16], errors: NDArray[np.int8]) -> NDArray[np.int32]:
    """Each channel's response (M,), from what is lacking of latents (h, w, M) and their errors.

    The same on every machine: sums are of integers.
    """

    def products(left: NDArray[Any], right: NDArray[np.int8]) -> NDArray[np.int64]:
        sums: NDArray[np.int64] = np.einsum("hwm,hwm->m", left, right, dtype=np.int64)
        return sums

    both, alone = products(lack, errors), products(errors, errors)
    prior = _PRIOR / errors.size
    share = (both + prior * both.sum()) / np.maximum(alone + prior * alone.sum(), 1)
    response: NDArray[np.int32] = np.rint(_UNIT * share.clip(0, 1)).astype(np.int32)
    return response


def _limited(values: NDArray[np.int64] | NDArray[np.int32]) -> NDArray[np.int16]:
    return values.clip(-_LIMIT, _LIMIT).astype(np.int16)
