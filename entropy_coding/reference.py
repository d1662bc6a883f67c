"""The coder again, in NumPy: slow, short, and writing the same bytes as the native one.

Use it to check `coder` (the tests compare them), or to write the format in another language: it
follows FORMAT.md without the native coder's shortcuts. `symbol_bits` tells what each symbol costs,
which the native coder does not.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from .errors import CorruptStreamError
from .factorized import FactorizedTables
from .mixture import MixtureParameters
from .stream import (
    LOWEST_STATE,
    STATE_BYTES,
    BaseDecoder,
    BaseEncoder,
    Symbols,
    parse_header,
    share,
)
from .tables import INVERSE_SCALE, PROBABILITY_BITS, PROBABILITY_TOTAL, REACH, WEIGHT_BITS

Integers = npt.NDArray[np.int64]


def _scaled(a: Integers | int, b: Integers | int) -> Integers:
    """Return the rounded product of numbers in 1/2**15."""
    product: Integers = np.asarray((a * b + 0x4000) >> 15, dtype=np.int64)
    return product


def error_function(p: Integers) -> Integers:
    """Return erf(z / sqrt(2)) for z = 4.3 p / 2**15, in 1/32760; p is within 2**15."""
    u = np.abs(p)
    r = 32767 - _scaled(u, 13848 + _scaled(u, 24522 - _scaled(u, 12647)))
    for _ in range(3):
        r = _scaled(r, r)
    value: Integers = np.sign(p) * (32760 - r)
    return value


def mixture_weights(logits: npt.NDArray[np.int8]) -> Integers:
    """Return weights (K, n) in 1/2**13 of logits (K, n); they sum to 2**13."""
    largest = logits.max(axis=0).astype(np.int64)
    x = (largest - logits) << 7
    e = 32767 - _scaled(x, 32752 - _scaled(x, 16149 - _scaled(x, 4420)))
    for _ in range(4):
        e = _scaled(e, e)
    sums = np.cumsum(e >> 2, axis=0)
    inverse = 31750 - _scaled(sums[-1], 25250)
    for _ in range(3):
        rest = 32768 - 4 * _scaled(sums[-1], inverse)
        inverse = np.minimum(inverse + _scaled(inverse, rest), 32767)
    ends = np.minimum(_scaled(sums, inverse), 1 << WEIGHT_BITS)
    ends[-1] = 1 << WEIGHT_BITS
    return np.diff(ends, axis=0, prepend=0)


class Distributions(Protocol):
    """Cumulative counts of n symbols' distributions.

    Attributes `low` and `high`, shape (n,), are the ends of the windows. `cumulative` gives the
    count below each symbol v (n,) in [low, high + 1], of the distributions at `index`.
    """

    low: Integers
    high: Integers

    def cumulative(self, v: Integers, index: slice) -> Integers:
        """Return counts (n,) in 0..2**18."""
        ...


class MixtureDistributions:
    """The fixed-point mixtures; see `native/mixture.hpp` for why C rises strictly."""

    def __init__(self, parameters: MixtureParameters) -> None:
        self._mean = parameters.means.astype(np.int64)
        self._reach = REACH[parameters.scales].astype(np.int64)
        self._inverse = INVERSE_SCALE[parameters.scales].astype(np.int64)
        self._weight = mixture_weights(parameters.logits)
        self.low = ((self._mean - self._reach).min(axis=0) - 32) >> 6
        self.high = ((self._mean + self._reach).max(axis=0) + 32 + 63) >> 6
        self._tilt = 64 - (self.high - self.low + 1)

    def cumulative(self, v: Integers, index: slice = slice(None)) -> Integers:
        """Return C(v) for symbols (n,) of the mixtures at `index`."""
        reach = self._reach[:, index]
        distance = np.clip(64 * v - 32 - self._mean[:, index], -reach, reach)
        error = error_function(distance * self._inverse[:, index] >> 16)
        mixed = (self._weight[:, index] * error).sum(axis=0) + (32760 << WEIGHT_BITS)
        f = mixed >> (WEIGHT_BITS - 2)
        counts: Integers = f + ((f * self._tilt[index] + (1 << 14)) >> PROBABILITY_BITS)
        counts += v - self.low[index]
        return counts


class TableDistributions:
    """The tables of each symbol's channel."""

    def __init__(self, channels: Symbols, tables: FactorizedTables) -> None:
        self._channels = channels
        self._counts = tables.counts.astype(np.int64) << 2
        self.low = tables.lows[channels].astype(np.int64)
        self.high = self.low + tables.lengths[channels] - 1

    def cumulative(self, v: Integers, index: slice = slice(None)) -> Integers:
        """Return the counts below symbols (n,) of the channels at `index`."""
        counts: Integers = self._counts[self._channels[index], v - self.low[index]]
        return counts


def symbol_bits(symbols: Symbols, model: Distributions) -> npt.NDArray[np.float64]:
    """Return the ideal code length (n,) in bits of each of the symbols (n,), escapes included."""
    wanted = symbols.astype(np.int64)
    v = np.clip(wanted, model.low, model.high)
    everything = slice(None)
    frequency = model.cumulative(v + 1, everything) - model.cumulative(v, everything)
    bits: npt.NDArray[np.float64] = PROBABILITY_BITS - np.log2(frequency)
    escaped = (v == model.low) | (v == model.high)
    # An escape is an Exp-Golomb code of the distance: with b bits in distance + 1, it has 2 b - 1.
    distance = np.abs(wanted - v)[escaped]
    bits[escaped] += 2 * np.frexp(distance + 1.0)[1] - 1
    return bits


class ReferenceCheck:
    """The check value of symbols and other values, for comparison."""

    def __init__(self) -> None:
        self._columns = np.zeros(16, dtype=np.uint32)

    def add(self, symbols: Symbols) -> None:
        """Take more of them; each call starts at column 0."""
        for begin in range(0, symbols.size, 16):
            some = symbols[begin : begin + 16].astype(np.uint32)
            columns = self._columns[: some.size]
            columns[:] = columns * np.uint32(0x9E3779B1) + some

    def value(self) -> int:
        """Return 24 bits."""
        x = 0
        for column in self._columns.tolist():
            x = (x * 0x85EBCA6B + column) & 0xFFFFFFFF
        x = ((x ^ x >> 16) * 0x7FEB352D) & 0xFFFFFFFF
        x = ((x ^ x >> 15) * 0x846CA68B) & 0xFFFFFFFF
        return (x ^ x >> 16) & 0xFFFFFF


class ReferenceEncoder(BaseEncoder):
    """The encoder, for comparison; see `BaseEncoder`."""

    def __init__(self) -> None:
        super().__init__(ReferenceCheck())
        # Of every call: starts, frequencies, and escapes' positions and bits.
        self._calls: list[tuple[Integers, Integers, list[tuple[int, str]]]] = []

    def _put_mixture(self, symbols: Symbols, parameters: MixtureParameters) -> None:
        self._put(symbols, MixtureDistributions(parameters))

    def _put_factorized(
        self, symbols: Symbols, channels: Symbols, tables: FactorizedTables
    ) -> None:
        self._put(symbols, TableDistributions(channels, tables))

    def _put(self, symbols: Symbols, model: Distributions) -> None:
        v = np.clip(symbols.astype(np.int64), model.low, model.high)
        start = model.cumulative(v, slice(None))
        escapes = []
        for i in np.flatnonzero((v == model.low) | (v == model.high)).tolist():
            bits = f"{abs(int(symbols[i]) - int(v[i])) + 1:b}"
            escapes.append((i, "0" * (len(bits) - 1) + bits))
        self._calls.append((start, model.cumulative(v + 1, slice(None)) - start, escapes))

    def _cost(self) -> int:
        total = 0
        for _, frequency, escapes in self._calls:
            logarithm = frequency.astype(np.float32).view(np.int32)
            total += int((((127 + PROBABILITY_BITS << 23) - logarithm) >> 7).sum(dtype=np.int64))
            total += sum(len(bits) for _, bits in escapes) << 16
        return total

    def _finish(self, lanes: int, chunks: int, check: int) -> bytes:
        parts = [self._chunk(lanes, c, chunks, check) for c in range(chunks)]
        header = bytes([lanes.bit_length() - 1 | chunks.bit_length() - 1 << 4])
        header += b"".join(len(part).to_bytes(4, "little") for part in parts[:-1])
        return header + b"".join(parts)

    def _chunk(self, lanes: int, chunk: int, chunks: int, check: int) -> bytes:
        states = np.full(lanes, LOWEST_STATE + check, dtype=np.int64)
        words: list[int] = []  # from the last to the first
        escape_bits = ""
        for start, frequency, escapes in reversed(self._calls):
            mine = share(start.size, chunk, chunks)
            start, frequency = start[mine], frequency[mine]
            here = [bits for i, bits in escapes if mine.start <= i < mine.stop]
            escape_bits = "".join(here) + escape_bits
            for begin in reversed(range(0, start.size, lanes)):
                s, f = start[begin : begin + lanes], frequency[begin : begin + lanes]
                x = states[: s.size]
                limit = f << (40 - PROBABILITY_BITS)
                for i in np.flatnonzero(x >= limit)[::-1]:
                    while x[i] >= limit[i]:
                        words.append(int(x[i]) & 0xFFFF)
                        x[i] >>= 16
                x[:] = (x // f << PROBABILITY_BITS) + x % f + s
        body = b"".join(int(x).to_bytes(STATE_BYTES, "little") for x in states)
        packed = np.packbits(np.array(list(map(int, escape_bits)), dtype=np.uint8))[::-1]
        return body + np.array(words[::-1], dtype="<u2").tobytes() + packed.tobytes()


class ReferenceDecoder(BaseDecoder):
    """The decoder, for comparison; see `BaseDecoder`."""

    def __init__(self, data: bytes) -> None:
        """Open a stream; raises `CorruptStreamError` if its header is damaged."""
        super().__init__(ReferenceCheck())
        lanes, parts = parse_header(bytes(data))
        self._chunks = [_Chunk(part, lanes) for part in parts]

    def _get_mixture(self, parameters: MixtureParameters, symbols: Symbols) -> None:
        self._get(MixtureDistributions(parameters), symbols)

    def _get_factorized(
        self, channels: Symbols, tables: FactorizedTables, symbols: Symbols
    ) -> None:
        self._get(TableDistributions(channels, tables), symbols)

    def _get(self, model: Distributions, symbols: Symbols) -> None:
        for c, chunk in enumerate(self._chunks):
            chunk.get(model, symbols, share(symbols.size, c, len(self._chunks)))

    def _finish(self, check: int) -> None:
        for chunk in self._chunks:
            chunk.finish(check)


class _Chunk:
    """Decodes a chunk of a stream."""

    def __init__(self, data: bytes, lanes: int) -> None:
        self._data, self._lanes = data, lanes
        states = [data[i : i + STATE_BYTES] for i in range(0, lanes * STATE_BYTES, STATE_BYTES)]
        self._states = np.array([int.from_bytes(x, "little") for x in states], dtype=np.int64)
        self._front = lanes * STATE_BYTES
        self._escape_count = 0

    def get(self, model: Distributions, symbols: Symbols, mine: slice) -> None:
        """Decode the symbols of this chunk's share of a call."""
        for begin in range(mine.start, mine.stop, self._lanes):
            block = slice(begin, min(begin + self._lanes, mine.stop))
            states = self._states[: block.stop - begin]
            slot = states & (PROBABILITY_TOTAL - 1)
            v = _search(model, slot, block)
            start = model.cumulative(v, block)
            frequency = model.cumulative(v + 1, block) - start
            states[:] = frequency * (states >> PROBABILITY_BITS) + slot - start
            for i in np.flatnonzero(states < LOWEST_STATE):
                while states[i] < LOWEST_STATE:
                    states[i] = states[i] << 16 | self._word()
            for i in np.flatnonzero((v == model.low[block]) | (v == model.high[block])):
                v[i] += self._escape() * (-1 if v[i] == model.low[begin + i] else 1)
                if not -(2**31) <= v[i] < 2**31:
                    raise CorruptStreamError("an escape is out of range")
            symbols[block] = v

    def _word(self) -> int:
        begin, self._front = self._front, self._front + 2
        if self._front > self._back():
            raise CorruptStreamError("the stream ends too early")
        return int.from_bytes(self._data[begin : self._front], "little")

    def _back(self) -> int:
        return len(self._data) - (self._escape_count + 7) // 8

    def _escape_bit(self) -> int:
        byte, bit = divmod(self._escape_count, 8)
        self._escape_count += 1
        if self._back() < self._front:
            raise CorruptStreamError("the stream ends within an escape")
        return self._data[-1 - byte] >> (7 - bit) & 1

    def _escape(self) -> int:
        zeros = 0
        while not self._escape_bit():
            zeros += 1
            if zeros > 32:
                raise CorruptStreamError("an escape is too long")
        value = 1
        for _ in range(zeros):
            value = value << 1 | self._escape_bit()
        return value - 1

    def finish(self, check: int) -> None:
        """Verify that everything was read and the final states are right."""
        if self._front != self._back():
            raise CorruptStreamError("the stream is longer than its symbols")
        if self._escape_count % 8 and self._data[self._front] & (0xFF >> self._escape_count % 8):
            raise CorruptStreamError("the escapes' padding is not zero")
        if (self._states != LOWEST_STATE + check).any():
            raise CorruptStreamError("the check value is wrong")


def _search(model: Distributions, slot: Integers, block: slice) -> Integers:
    """Return the symbols v with C(v) <= slot < C(v + 1), by bisection of the whole window."""
    first, last = model.low[block].copy(), model.high[block] + 1
    while (last - first).max() > 1:
        middle = (first + last) >> 1
        right = model.cumulative(middle, block) <= slot
        first, last = np.where(right, middle, first), np.where(right, last, middle)
    return first
