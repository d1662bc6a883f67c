"""The entropy coder to use: interleaved rANS in C++.

`reference` computes the same bytes in NumPy; use it to check this one, or to read how it works.
"""

from __future__ import annotations

import os

import numpy as np

from . import _native, tables
from .factorized import FactorizedTables
from .mixture import MixtureParameters
from .stream import BaseDecoder, BaseEncoder, IntegerVector, Symbols, as_int32

_TABLES = _native.Tables(tables.INVERSE_SCALE, tables.REACH, tables.QUANTILE)


def instruction_sets() -> list[str]:
    """Return the instruction sets that this machine can run, the fastest first.

    All give the same bytes. The first is used unless an argument or the environment variable
    ``LIC_ISA`` names another; see `chosen_instruction_set`.
    """
    return _native.instruction_sets()


def chosen_instruction_set(limit: str | None = None) -> str:
    """Return the fastest instruction set of this machine up to ``limit``, or up to ``LIC_ISA``.

    Any known name will do, on any machine: avx512vnni, avx512, avxvnni, avx2, sse41, neon, scalar,
    the fastest first. ``LIC_ISA`` limits networks (`lic.integer_networks.native`) in the same way.

    Raises
    ------
    ValueError
        If the name is unknown.
    """
    return _native.instruction_set(limit or os.environ.get("LIC_ISA", ""))


class Encoder(BaseEncoder):
    """The encoder; its methods are described in `BaseEncoder`."""

    def __init__(self, *, isa: str | None = None) -> None:
        """Start a stream; ``isa`` limits the instruction set, for tests."""
        chosen = chosen_instruction_set(isa)
        super().__init__(_native.CheckValue(chosen))
        self._native = _native.Encoder(_TABLES, chosen)

    def ideal_bits(self) -> float:
        """Return the ideal code length of the symbols put so far, escape bits included."""
        return self._native.ideal_bits()

    def _put_mixture(self, symbols: Symbols, parameters: MixtureParameters) -> None:
        self._native.put_mixture(symbols, parameters.logits, parameters.means, parameters.scales)

    def _put_factorized(
        self, symbols: Symbols, channels: Symbols, tables: FactorizedTables
    ) -> None:
        self._native.put_factorized(symbols, channels, tables.counts, tables.lows, tables.lengths)

    def _cost(self) -> int:
        return self._native.cost()

    def _finish(self, lanes: int, chunks: int, check: int) -> bytes:
        return self._native.finish(lanes.bit_length() - 1, chunks.bit_length() - 1, check)


class Decoder(BaseDecoder):
    """The decoder; its methods are described in `BaseDecoder`."""

    def __init__(self, data: bytes, *, threads: int | None = None, isa: str | None = None) -> None:
        """Open a stream; raises `CorruptStreamError` if its header is damaged.

        Up to ``threads`` threads (unless given, ``LIC_THREADS`` of them, or all cores) decode a
        stream of several chunks.
        ``isa`` limits the instruction set, for tests.
        """
        chosen = chosen_instruction_set(isa)
        super().__init__(_native.CheckValue(chosen))
        count = threads or int(os.environ.get("LIC_THREADS") or os.cpu_count() or 1)
        self._native = _native.Decoder(_TABLES, chosen, bytes(data), max(count, 1))

    def _get_mixture(self, parameters: MixtureParameters, symbols: Symbols) -> None:
        self._native.get_mixture(parameters.logits, parameters.means, parameters.scales, symbols)

    def _get_factorized(
        self, channels: Symbols, tables: FactorizedTables, symbols: Symbols
    ) -> None:
        self._native.get_factorized(channels, tables.counts, tables.lows, tables.lengths, symbols)

    def _finish(self, check: int) -> None:
        self._native.finish(check)


def mixture_counts(
    symbols: IntegerVector, parameters: MixtureParameters, *, isa: str | None = None
) -> Symbols:
    """Return how many of the 2**18 counts of its mixture each of the symbols (n,) has, int32.

    A symbol at an end of its mixture's window, or beyond, has one. ``isa`` limits the instruction
    set, for tests; the counts are the same. Raises ValueError like `Encoder.put_mixture`.
    """
    vector = as_int32("symbols", symbols)
    if vector.size != len(parameters):
        raise ValueError(f"{vector.size} symbols have {len(parameters)} mixtures")
    counts = np.empty_like(vector)
    _native.mixture_counts(
        _TABLES,
        chosen_instruction_set(isa),
        vector,
        parameters.logits,
        parameters.means,
        parameters.scales,
        counts,
    )
    return counts


def mixture_bits(symbols: IntegerVector, parameters: MixtureParameters) -> float:
    """Return the ideal code length in bits of symbols (n,) with their mixtures.

    It is that of the fixed-point distributions, escape bits included; a stream is longer by less
    than 0.1 % + 64 bits.
    """
    encoder = Encoder()
    encoder.put_mixture(symbols, parameters)
    return encoder.ideal_bits()


def factorized_bits(
    symbols: IntegerVector,
    channels: IntegerVector,
    tables: FactorizedTables,
) -> float:
    """Return the ideal code length in bits of symbols (n,) with their channels' tables."""
    encoder = Encoder()
    encoder.put_factorized(symbols, channels, tables)
    return encoder.ideal_bits()
