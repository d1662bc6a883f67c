"""Latents to symbols to streams, and back: an executor's entropy path around the entropy coder.

Encoder and decoder run the very same steps and differ only in where a step's symbols come from. All
of it is arithmetic of integers in 1/64 of a quantization step, so a stream means the same wherever
the executor computes the same parameters. The check value in each stream covers the decoded latents
of every step: a stream that was made with other parameters is an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lic.codec.executors import Executor, Integers, Latents, StepParameters
from lic.codec.rounding import ALONE, STEP, chosen_symbols
from lic.codec.tiling import Region
from lic.entropy_coding import Decoder, Encoder, FactorizedTables, MixtureParameters
from lic.integer_networks.codec_network import LATENT_LIMIT

ERROR_LIMIT = 127
"""Of errors that are kept, in 1/64 step: few latents that are not coded have larger ones."""


@dataclass(frozen=True, eq=False)
class CodedTile:
    """A tile as the encoder has it."""

    region: Region
    """Its place in the padded picture, in pixels."""
    latents: Latents
    """What the analysis makes of it, (h, w, M)."""
    side: Integers
    """Symbols (h/4, w/4, Z) of its side information."""
    stream: bytes
    decoded: Latents
    """Latents (h, w, M) that the stream decodes to."""
    errors: NDArray[np.int8]
    """What the latents (h, w, M) have more than what is coded of them, in 1/64 step."""
    correction: NDArray[np.int16] | int = 0
    """What is added to the targets of the latents (h, w, M), in 1/64 step."""
    response: NDArray[np.int32] | None = None
    """How much of its errors each channel (M,) shows, in 1/256; see `lic.codec.refinement`."""


class Observer(Protocol):
    """Is shown the symbols of streams as they are decoded, with their distributions."""

    def side(self, picture: int, symbols: Integers, tables: FactorizedTables) -> None:
        """The symbols (h, w, Z) of a picture's side information."""

    def step(
        self,
        picture: int,
        step: int,
        coded: NDArray[np.intp],
        symbols: Integers,
        mixtures: MixtureParameters,
    ) -> None:
        """The symbols of a step's coded latents, and their places among all latents of the step."""


def _coded(parameters: StepParameters, picture: int, skip_below: int) -> NDArray[np.intp]:
    """Which of a step's n latents, by their places, are coded; the others decode to their centres.

    A latent is coded if one of its scale indices is at least ``skip_below``, and if the network,
    where it selects latents, selects it.
    """
    coded = parameters.mixtures[picture].scales.max(axis=0) >= skip_below
    if parameters.selected is not None:
        coded &= parameters.selected[picture]
    return np.flatnonzero(coded)


def _decoded(centres: Integers, coded: NDArray[np.intp], symbols: Integers) -> Integers:
    """The latents of a step (n,) in 1/64 step."""
    values = centres.astype(np.int64)
    values[coded] += STEP * symbols.astype(np.int64)
    return np.clip(values, -LATENT_LIMIT, LATENT_LIMIT).astype(np.int32)


def _channels(side: Integers) -> Integers:
    """The channel of each symbol of side information (h, w, Z) in the order of the stream."""
    channels = np.arange(side.shape[2], dtype=np.int32)
    return np.tile(channels, side.shape[0] * side.shape[1])


def encode_latents(
    executor: Executor,
    targets: NDArray[np.int64],
    side: Integers,
    quality: int,
    skip_below: int,
    price: int = ALONE,
    errors: NDArray[np.int8] | None = None,
) -> tuple[list[bytes], Latents]:
    """The streams of B pictures' latents, and the latents that `decode_latents` will give.

    ``targets`` (B, h, w, M) are in 1/64 step; ``side`` (B, h/4, w/4, Z) are symbols. Latents whose
    scale indices are all less than ``skip_below``, or which the network does not select, are not
    coded and decode to their centres. ``price`` is that of `chosen_symbols`. Into ``errors``
    (B, h, w, M) goes what targets have more than what is coded of them.
    """
    encoders = [Encoder() for _ in side]
    tables = executor.side_tables(quality)
    places = np.arange(targets[0].size).reshape(1, *targets.shape[1:])
    for symbols, encoder in zip(side, encoders, strict=True):
        encoder.put_factorized(symbols.ravel(), _channels(symbols), tables)

    def quantise(step: int, parameters: StepParameters) -> Integers:
        wanted = executor.gather(targets, step)
        values = np.empty_like(parameters.centres)
        for picture, encoder in enumerate(encoders):
            coded = _coded(parameters, picture, skip_below)
            centres = parameters.centres[picture]
            residual = wanted[picture][coded] - centres[coded]
            mixtures = parameters.mixtures[picture].select(coded)
            symbols = chosen_symbols(residual, mixtures, price)
            encoder.put_mixture(symbols, mixtures)
            values[picture] = _decoded(centres, coded, symbols)
            encoder.check(values[picture])
        if errors is not None:
            difference = (wanted - values).clip(-ERROR_LIMIT, ERROR_LIMIT)
            errors.reshape(len(errors), -1)[:, executor.gather(places, step)[0]] = difference
        return values

    decoded = executor.entropy_path(side, quality, quantise)
    return [encoder.finish() for encoder in encoders], decoded


def decode_latents(
    executor: Executor,
    streams: Sequence[bytes],
    shape: tuple[int, int],
    quality: int,
    skip_below: int,
    observer: Observer | None = None,
) -> Latents:
    """Latents (B, 4h, 4w, M), ready for the synthesis, of streams whose z are of shape (h, w).

    ``observer`` is shown all symbols.

    Raises
    ------
    CorruptStreamError
        If a stream is damaged, or was made with other parameters than this executor computes.
    """
    decoders = [Decoder(stream) for stream in streams]
    tables = executor.side_tables(quality)
    side = np.empty((len(decoders), *shape, tables.channels), np.int32)
    for picture, (symbols, decoder) in enumerate(zip(side, decoders, strict=True)):
        symbols[:] = decoder.get_factorized(_channels(symbols), tables).reshape(symbols.shape)
        if observer:
            observer.side(picture, symbols, tables)

    def quantise(step: int, parameters: StepParameters) -> Integers:
        values = np.empty_like(parameters.centres)
        for picture, decoder in enumerate(decoders):
            coded = _coded(parameters, picture, skip_below)
            mixtures = parameters.mixtures[picture].select(coded)
            symbols = decoder.get_mixture(mixtures)
            if observer:
                observer.step(picture, step, coded, symbols, mixtures)
            values[picture] = _decoded(parameters.centres[picture], coded, symbols)
            decoder.check(values[picture])
        return values

    latents = executor.entropy_path(side, quality, quantise)
    for decoder in decoders:
        decoder.finish()
    return latents
