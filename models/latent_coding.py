"""Latents to symbols to a stream, and back: the entropy path around the entropy coder.

Encoder and decoder run the very same loop (`EntropyPath.forward`) and differ only in where a step's
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
from lic.models.entropy_path import EntropyPath
from lic.models.factorized import FactorizedDensity
from lic.models.mixture import Mixture

Symbols = NDArray[np.int32]
_Check = Callable[[Symbols], None]
_StepCoder = Callable[[int, NDArray[np.float64], MixtureParameters, NDArray[np.bool_]], Symbols]

_LIMIT = 2**31 - 1


def _channel_index(channels: int, places: int) -> Symbols:
    index: Symbols = np.repeat(np.arange(channels, dtype=np.int32), places)
    return index


def worth_coding(mixture: Mixture, scales: NDArray[np.uint8], skip_below: int) -> NDArray[np.bool_]:
    """Which latents of a step, flattened, are coded; the others decode to their centres.

    A latent is coded if one of its scale indices ``scales`` (K, n) is at least ``skip_below``, and
    if the path, where it selects latents, selects it.
    """
    coded: NDArray[np.bool_] = scales.max(axis=0) >= skip_below
    return coded if mixture.coded is None else coded & mixture.coded.flatten().numpy()


def _code_latents(
    path: EntropyPath,
    z: Tensor,
    quality: Tensor,
    skip_below: int,
    code: _StepCoder,
    check: _Check,
) -> Tensor:
    """Decoded latents (1, M, 4h, 4w) in their own units, float64, for decoded z (1, Z, h, w).

    ``code(step, centre, parameters, coded)`` gives the symbols of the latents which the mask
    ``coded`` selects; ``check`` takes the decoded latents of a step, in units of MEAN_UNIT steps.
    """

    def quantise(step: int, mixture: Mixture) -> Tensor:
        integers, parameters = mixture.to_integers()
        centre = integers * MEAN_UNIT
        coded = worth_coding(mixture, parameters.scales, skip_below)
        values = centre.copy()
        values[coded] += code(step, centre, parameters, coded)
        # Of a value beyond 32 bits, the lower ones.
        check((values / MEAN_UNIT).astype(np.int64).astype(np.int32))
        return torch.from_numpy(values).view_as(mixture.centre)

    decoded: Tensor = path(z, quality, quantise)
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
) -> Tensor:
    """Put latents y (1, M, 4h, 4w; own units) and side information z (1, Z, h, w) in a stream.

    ``path`` and ``quality`` (1,) are float64; latents whose scale indices are all less than
    ``skip_below``, or which the path does not select, are not coded and decode to their centres.
    Gives the latents that `decode_latents` will.
    """
    z_symbols = z[0].double().round().clamp(-_LIMIT, _LIMIT)
    channels, height, width = z_symbols.shape
    encoder.put_factorized(
        z_symbols.flatten().numpy().astype(np.int32),
        _channel_index(channels, height * width),
        side.tables(int(side.nearest_level(quality))),
    )
    scaled = y.double() * path.latent_gain(quality)

    def put(
        step: int,
        centre: NDArray[np.float64],
        parameters: MixtureParameters,
        coded: NDArray[np.bool_],
    ) -> Symbols:
        target = path.gather(scaled, step)[0].flatten().numpy()
        rounded = np.rint(target[coded] - centre[coded])
        symbols: Symbols = np.clip(rounded, -_LIMIT, _LIMIT).astype(np.int32)
        encoder.put_mixture(symbols, parameters.select(coded))
        return symbols

    return _code_latents(path, z_symbols[None], quality, skip_below, put, encoder.check)


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
    tables = side.tables(int(side.nearest_level(quality)))
    index = _channel_index(tables.channels, shape[0] * shape[1])
    z = torch.from_numpy(decoder.get_factorized(index, tables)).double()

    def get(
        step: int,
        centre: NDArray[np.float64],
        parameters: MixtureParameters,
        coded: NDArray[np.bool_],
    ) -> Symbols:
        return decoder.get_mixture(parameters.select(coded))

    latents = _code_latents(path, z.view(1, -1, *shape), quality, skip_below, get, decoder.check)
    decoder.finish()
    return latents
