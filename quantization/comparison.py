"""What rounding a network to integers costs: real streams and pictures of both networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lic.codec.executors import Executor, open_executor
from lic.codec.executors.torch import FloatExecutor
from lic.codec.latent_coding import decode_latents, encode_latents
from lic.codec.pixels import Pixels, psnr_of
from lic.codec.tiling import TILE_UNIT
from lic.integer_networks.codec_network import CodecNetwork
from lic.models import CodecModel

QUALITIES = (500, 3500, 6500, 9500)
"""Of 10000."""


@dataclass(frozen=True)
class Difference:
    """The integer network against the float network at a quality, over all pictures."""

    quality: float
    """0 to 100."""
    bits: float
    """More bits, as a fraction."""
    psnr: float
    """More dB, of the mean squared error over all pictures."""


def differences(
    model: CodecModel, network: CodecNetwork, pictures: Sequence[Pixels]
) -> list[Difference]:
    """Compare both networks on pictures (H, W, 3), their sides multiples of 64."""
    executors: tuple[Executor, Executor] = (FloatExecutor(model), open_executor(network))
    found = []
    for quality in QUALITIES:
        (bits, error), (new_bits, new_error) = (
            np.sum([_measured(executor, pixels, quality) for pixels in pictures], axis=0)
            for executor in executors
        )
        samples = sum(pixels.size for pixels in pictures)
        change = psnr_of(new_error / samples) - psnr_of(error / samples)
        found.append(Difference(quality / 100, new_bits / bits - 1, change))
    return found


def _measured(executor: Executor, pixels: Pixels, quality: int) -> tuple[int, float]:
    """Bits of a picture's stream, and the sum of the decoded picture's squared errors."""
    latents = executor.analyse(pixels[None], quality)
    side = executor.side_information(latents, quality)
    targets = executor.targets(latents, quality)
    streams, _ = encode_latents(executor, targets, side, quality, 0)
    shape = (pixels.shape[0] // TILE_UNIT, pixels.shape[1] // TILE_UNIT)
    decoded = decode_latents(executor, streams, shape, quality, 0)
    shown = executor.synthesise(decoded, quality)[0]
    return 8 * len(streams[0]), float(np.square(shown.astype(float) - pixels).sum())
