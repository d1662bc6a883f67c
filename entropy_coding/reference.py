"""The coder again, in NumPy: slow, short, and writing the same bytes as the native one.

Use it to check `coder` (the tests compare them), or to write the format in another language: it
follows the description in `stream` without the native coder's shortcuts. Never needed otherwise.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from .errors import CorruptStreamError
from .factorized import FactorizedTables
from .mixture import MixtureParameters
from .stream import LOWEST_STATE, STATE_BYTES, BaseDecoder, BaseEncoder, Symbols, parse_header
from .tables import (
    COST,
    EXPONENTIAL,
    INVERSE_SCALE,
    NORMAL,
    NORMAL_HALF,
    POSITION_BITS,
    PROBABILITY_BITS,
    REACH,
    TOTAL,
    WEIGHT_BITS,
)

Integers = npt.NDArray[np.int64]


class Distributions(Protocol):
    """Cumulative counts of n symbols' distributions.

    Attributes `low` and `high`, shape (n,), are the ends of the windows. `cumulative` gives the
    count below each symbol v (n,) in [low, high + 1], of the distributions at `index`.
    """

    low: Integers
    high: Integers

    def cumulative(self, v: Integers, index: slice) -> Integers:
        """Return counts (n,) in 0..65536."""
        ...


class MixtureDistributions:
    """The fixed-point mixtures; see `native/mixture.hpp` for why C rises strictly."""

    def __init__(self, parameters: MixtureParameters) -> None:
        logits, self._mean = parameters.logits.astype(np.int64), parameters.means.astype(np.int64)
        self._reach = REACH[parameters.scales].astype(np.int64)
        self._inverse = INVERSE_SCALE[parameters.scales].astype(np.int64)
        best = logits.argmax(axis=0)[None]
        exponentials = EXPONENTIAL[np.take_along_axis(logits, best, 0) - logits].astype(np.int64)
        weights = (exponentials << WEIGHT_BITS) // exponentials.sum(axis=0)
        rest = (1 << WEIGHT_BITS) - weights.sum(axis=0)
        np.put_along_axis(weights, best, np.take_along_axis(weights, best, 0) + rest, 0)
        self._weight = weights
        self.low = ((self._mean - self._reach).min(axis=0) - 32) >> 6
        self.high = ((self._mean + self._reach).max(axis=0) + 32 + 63) >> 6
        self._spread = TOTAL - (self.high - self.low + 1)

    def cumulative(self, v: Integers, index: slice = slice(None)) -> Integers:
        """Return C(v) for symbols (n,) of the mixtures at `index`."""
        reach = self._reach[:, index]
        distance = np.clip(64 * v - 32 - self._mean[:, index], -reach, reach)
        position = distance * self._inverse[:, index] + (NORMAL_HALF << POSITION_BITS)
        entry, fraction = position >> POSITION_BITS, position & ((1 << POSITION_BITS) - 1)
        left, right = NORMAL[entry].astype(np.int64), NORMAL[entry + 1]
        phi = left + ((right - left) * fraction >> POSITION_BITS)
        mixed = (self._weight[:, index] * phi).sum(axis=0) >> WEIGHT_BITS
        counts: Integers = mixed * self._spread[index] >> PROBABILITY_BITS
        counts += v - self.low[index]
        return counts


class TableDistributions:
    """The tables of each symbol's channel."""

    def __init__(self, channels: Symbols, tables: FactorizedTables) -> None:
        self._channels = channels
        self._counts = tables.counts.astype(np.int64)
        self.low = tables.lows[channels].astype(np.int64)
        self.high = self.low + tables.lengths[channels] - 1

    def cumulative(self, v: Integers, index: slice = slice(None)) -> Integers:
        """Return the counts below symbols (n,) of the channels at `index`."""
        counts: Integers = self._counts[self._channels[index], v - self.low[index]]
        return counts


class ReferenceEncoder(BaseEncoder):
    """The encoder, for comparison; see `BaseEncoder`."""

    def __init__(self) -> None:
        super().__init__()
        self._calls: list[tuple[Integers, Integers]] = []
        self._escapes: list[int] = []

    def _put_mixture(self, symbols: Symbols, parameters: MixtureParameters) -> None:
        self._put(symbols, MixtureDistributions(parameters))

    def _put_factorized(
        self, symbols: Symbols, channels: Symbols, tables: FactorizedTables
    ) -> None:
        self._put(symbols, TableDistributions(channels, tables))

    def _put(self, symbols: Symbols, model: Distributions) -> None:
        v = np.clip(symbols.astype(np.int64), model.low, model.high)
        start = model.cumulative(v, slice(None))
        self._calls.append((start, model.cumulative(v + 1, slice(None)) - start))
        for i in np.flatnonzero((v == model.low) | (v == model.high)):
            bits = f"{abs(int(symbols[i]) - int(v[i])) + 1:b}"
            self._escapes.extend(map(int, "0" * (len(bits) - 1) + bits))

    def _cost(self) -> int:
        intervals = sum(int(COST[(f + 15) >> 4].sum(dtype=np.int64)) for _, f in self._calls)
        return intervals + (len(self._escapes) << 16)

    def _finish(self, lanes: int, check: int) -> bytes:
        states = np.full(lanes, LOWEST_STATE + check, dtype=np.int64)
        words = [np.empty(0, dtype=np.int64)]  # from the last to the first
        for start, frequency in reversed(self._calls):
            for begin in reversed(range(0, start.size, lanes)):
                s, f = start[begin : begin + lanes], frequency[begin : begin + lanes]
                x = states[: s.size]
                full = x >= f << 24
                words.append((x[full] & 0xFFFF)[::-1])
                x = np.where(full, x >> 16, x)
                states[: s.size] = (x // f << PROBABILITY_BITS) + x % f + s
        header = bytes([lanes.bit_length() - 1])
        header += b"".join(int(x).to_bytes(STATE_BYTES, "little") for x in states)
        escapes = np.packbits(np.array(self._escapes, dtype=np.uint8))[::-1]
        return header + np.concatenate(words)[::-1].astype("<u2").tobytes() + escapes.tobytes()


class ReferenceDecoder(BaseDecoder):
    """The decoder, for comparison; see `BaseDecoder`."""

    def __init__(self, data: bytes) -> None:
        """Open a stream; raises `CorruptStreamError` if its header is damaged."""
        super().__init__()
        self._data = bytes(data)
        self._lanes, states = parse_header(self._data)
        self._states = np.array(states, dtype=np.int64)
        self._front = 1 + self._lanes * STATE_BYTES
        self._escape_count = 0

    def _get_mixture(self, parameters: MixtureParameters, symbols: Symbols) -> None:
        self._get(MixtureDistributions(parameters), symbols)

    def _get_factorized(
        self, channels: Symbols, tables: FactorizedTables, symbols: Symbols
    ) -> None:
        self._get(TableDistributions(channels, tables), symbols)

    def _get(self, model: Distributions, symbols: Symbols) -> None:
        for begin in range(0, symbols.size, self._lanes):
            block = slice(begin, min(begin + self._lanes, symbols.size))
            states = self._states[: block.stop - begin]
            slot = states & (TOTAL - 1)
            v = _search(model, slot, block)
            start = model.cumulative(v, block)
            frequency = model.cumulative(v + 1, block) - start
            states[:] = frequency * (states >> PROBABILITY_BITS) + slot - start
            low = np.flatnonzero(states < LOWEST_STATE)
            states[low] = states[low] << 16 | self._words(low.size)
            for i in np.flatnonzero((v == model.low[block]) | (v == model.high[block])):
                v[i] += self._escape() * (-1 if v[i] == model.low[begin + i] else 1)
                if not -(2**31) <= v[i] < 2**31:
                    raise CorruptStreamError("an escape is out of range")
            symbols[block] = v

    def _words(self, count: int) -> Integers:
        begin, self._front = self._front, self._front + 2 * count
        if self._front > self._back():
            raise CorruptStreamError("the stream ends too early")
        return np.frombuffer(self._data, "<u2", count, begin).astype(np.int64)

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

    def _finish(self, check: int) -> None:
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
