"""The encoder corrects latents by what the decoder shows of them.

The analysis of what is shown should give the latents that were decoded. Where it gives others, the
synthesis shows less, or more, than its latents say; the targets are moved by a part of the
difference, and coded again. It takes one more run of analysis, entropy path and synthesis, and no
gradients: an iteration of a fixed point, y + a (y' - A(S(y'))), with the decoded latents y'.
`annealing` gets further, by gradients, and takes much longer.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lic.codec.container import Header
from lic.codec.executors import Executor
from lic.codec.latent_coding import CodedTile, encode_latents
from lic.codec.pixels import Pixels
from lic.codec.tiling import cut
from lic.integer_networks.codec_network import LATENT_STRIDE

# How much of the difference the targets are moved by, in eighths. Twice as much, and the next
# difference is larger than the one before.
_EIGHTHS = 6
_CORRECTION_LIMIT = 2**15 - 1


def tile_targets(executor: Executor, tile: CodedTile, quality: int) -> NDArray[np.int64]:
    """What a tile's symbols should say, with its correction: (1, h, w, M) in 1/64 step."""
    return executor.targets(tile.latents[None], quality) + tile.correction


def refined(executor: Executor, shown: Pixels, tile: CodedTile, header: Header) -> CodedTile:
    """A tile, coded again; ``shown`` (height, width, 3) is the picture that is decoded so far."""
    quality = header.quality
    part, core = cut(shown, tile.region, executor.halo * LATENT_STRIDE)
    rows, columns = core.scaled_down(LATENT_STRIDE).slices
    seen = executor.analyse(part[None], quality)[:, rows, columns]
    lack = executor.targets(tile.decoded[None], quality) - executor.targets(
        np.ascontiguousarray(seen), quality
    )
    correction = ((_EIGHTHS * lack + 4) >> 3).clip(-_CORRECTION_LIMIT, _CORRECTION_LIMIT)
    changed = replace(tile, correction=correction.astype(np.int16))
    targets = tile_targets(executor, changed, quality)
    (stream,), decoded = encode_latents(
        executor, targets, tile.side[None], quality, header.skip_below
    )
    return replace(changed, stream=stream, decoded=decoded[0])
