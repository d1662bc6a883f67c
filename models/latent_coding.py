"""Latents to symbols to a stream, and back: the four-step loop around the entropy coder.

Encoder and decoder run the very same loop (`_code_latents`) and differ only in where a step's
symbols come from. Every parameter is computed in float64 on the CPU and rounded to the coder's
grid, so that two machines agree unless a value lies within about 1e-13 of a rounding boundary; the
stream's check value catches even that.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lic.entropy_coding import MEAN_UNIT, Decoder, Encoder, MixtureParameters
from lic.models.context import STEPS, gather_step, scatter_step
from lic.models.deployable import EntropyPath
from lic.models.factorized import FactorizedDensity

Symbols = NDArray[np.int32]
_StepCoder = Callable[[int, NDArray[np.float64], MixtureParameters, NDArray[np.bool_]], Symbols]

_LIMIT = 2**31 - 1


def _channel_index(channels: int, places: int) -> Symbols:
    index: Symbols = np.repeat(np.arange(channels, dtype=np.int32), places)
    return index


def _code_latents(
    path: EntropyPath, z: Tensor, quality: Tensor, skip_below: int, code: _StepCoder
) -> Tensor:
    """Decoded latents (1, M, 4h, 4w) in their own units, float64, for decoded z (1, Z, h, w).

    ``code(step, centre, parameters, coded)`` gives the symbols of the latents which the mask
    ``coded`` selects.
    """
    features = path.features(z, quality)
    log_gain = path.latent_gain.log(quality)
    gain = log_gain.exp()
    height, width = features.shape[-2] // 2, features.shape[-1] // 2
    decoded = z.new_zeros(1, gain.shape[1], 2 * height, 2 * width)
    for step in range(STEPS):
        integers, parameters = path.mixture(step, features, decoded, log_gain).to_integers()
        centre = integers * MEAN_UNIT
        coded = parameters.scales.max(axis=0) >= skip_below
        values = centre.copy()
        values[coded] += code(step, centre, parameters, coded)
        latents = torch.from_numpy(values).view(1, -1, height, width)
        decoded = decoded + scatter_step(latents, step) / gain
    return decoded


@torch.inference_mode()
def encode_latents(
    path: EntropyPath,
    side: FactorizedDensity,
    y: Tensor,
    z: Tensor,
    quality: Tensor,
    skip_below: int,
    encoder: Encoder,
) -> None:
    """Put latents y (1, M, 4h, 4w; own units) and side information z (1, Z, h, w) in a stream.

    ``path`` and ``quality`` (1,) are float64; latents whose scale indices are all less than
    ``skip_below`` are not coded and decode to their centres.
    """
    z_symbols = z[0].double().round().clamp(-_LIMIT, _LIMIT)
    channels, height, width = z_symbols.shape
    encoder.put_factorized(
        z_symbols.flatten().numpy().astype(np.int32),
        _channel_index(channels, height * width),
        side.tables(int(side.level(quality))),
    )
    scaled = y.double() * path.latent_gain(quality)

    def put(
        step: int,
        centre: NDArray[np.float64],
        parameters: MixtureParameters,
        coded: NDArray[np.bool_],
    ) -> Symbols:
        target = gather_step(scaled, step)[0].flatten().numpy()
        rounded = np.rint(target[coded] - centre[coded])
        symbols: Symbols = np.clip(rounded, -_LIMIT, _LIMIT).astype(np.int32)
        encoder.put_mixture(symbols, parameters.select(coded))
        return symbols

    _code_latents(path, z_symbols[None], quality, skip_below, put)


@torch.inference_mode()
def decode_latents(
    path: EntropyPath,
    side: FactorizedDensity,
    shape: tuple[int, int],
    quality: Tensor,
    skip_below: int,
    decoder: Decoder,
) -> Tensor:
    """Latents (1, M, 4h, 4w) in their own units, float64, of a stream of z of shape (h, w).

    Raises
    ------
    CorruptStreamError
        If the stream is damaged, or was made with other parameters than this machine computes.
    """
    tables = side.tables(int(side.level(quality)))
    index = _channel_index(tables.channels, shape[0] * shape[1])
    z = torch.from_numpy(decoder.get_factorized(index, tables)).double()

    def get(
        step: int,
        centre: NDArray[np.float64],
        parameters: MixtureParameters,
        coded: NDArray[np.bool_],
    ) -> Symbols:
        return decoder.get_mixture(parameters.select(coded))

    latents = _code_latents(path, z.view(1, -1, *shape), quality, skip_below, get)
    decoder.finish()
    return latents
