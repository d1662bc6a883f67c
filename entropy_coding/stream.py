"""What every coder of the stream format shares, whatever computes its intervals.

FORMAT.md beside this module describes a stream, its lanes, chunks, escapes and check value.
`coder` has the coder to use; `reference` one that is slow and easy to read.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from .errors import CorruptStreamError
from .factorized import FactorizedTables
from .mixture import MixtureParameters

MAXIMUM_LANES = 64
USUAL_LANES = 16
MAXIMUM_CHUNKS = 16
STATE_BYTES = 5
LOWEST_STATE = 1 << 24

IntegerVector = npt.NDArray[np.integer[Any]]
Symbols = npt.NDArray[np.int32]


def choose_lanes(bits: int) -> tuple[int, int]:
    """Return the numbers of lanes and of chunks for a stream of that many bits.

    A lane more costs up to 40 bits and on average about 32; the largest power of two is taken with
    which the lanes beyond the first stay well within a thousandth of the stream. 16 fill the widest
    vector: more of them only serve to decode by several threads, and must cost even less.
    """
    lanes = USUAL_LANES * MAXIMUM_CHUNKS
    while lanes > 1 and (lanes - 1) * (48_000 if lanes <= USUAL_LANES else 80_000) > bits:
        lanes //= 2
    return min(lanes, USUAL_LANES), max(lanes // USUAL_LANES, 1)


def share(count: int, chunk: int, chunks: int) -> slice:
    """Return the symbols of a call of that many that belong to a chunk."""
    return slice(count * chunk // chunks, count * (chunk + 1) // chunks)


def parse_header(data: bytes) -> tuple[int, list[bytes]]:
    """Return the number of lanes and the chunks, or raise `CorruptStreamError`."""
    if not data:
        raise CorruptStreamError("the stream is empty")
    lanes, chunks = 1 << (data[0] & 15), 1 << (data[0] >> 4)
    if lanes > MAXIMUM_LANES:
        raise CorruptStreamError("unknown number of lanes")
    if chunks > MAXIMUM_CHUNKS:
        raise CorruptStreamError("unknown number of chunks")
    at = 4 * chunks - 3
    lengths = [int.from_bytes(data[i : i + 4], "little") for i in range(1, at, 4)]
    lengths.append(len(data) - at - sum(lengths))
    parts = []
    for length in lengths:
        parts.append(data[at : at + max(length, 0)])
        at += length
        states = [
            parts[-1][i : i + STATE_BYTES] for i in range(0, lanes * STATE_BYTES, STATE_BYTES)
        ]
        if len(parts[-1]) != length or len(states[-1]) != STATE_BYTES:
            raise CorruptStreamError("the stream ends within its header")
        if min(int.from_bytes(x, "little") for x in states) < LOWEST_STATE:
            raise CorruptStreamError("a lane's state is out of range")
    return lanes, parts


def stream_lanes(data: bytes) -> int:
    """Return the number of interleaved lanes of a stream.

    Raises `CorruptStreamError` if its header is damaged.
    """
    return parse_header(data)[0]


def as_int32(name: str, values: IntegerVector) -> npt.NDArray[np.int32]:
    """Return a vector of integers as contiguous int32, or raise ValueError."""
    array = np.asarray(values)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise ValueError(f"{name} must be a vector of integers")
    if array.dtype != np.int32:
        if array.size and (array.min() < -(2**31) or array.max() >= 2**31):
            raise ValueError(f"{name} must fit in int32")
        array = array.astype(np.int32)
    return np.ascontiguousarray(array)


def _as_channels(channels: IntegerVector, tables: FactorizedTables) -> Symbols:
    vector = as_int32("channels", channels)
    if vector.size and (vector.min() < 0 or vector.max() >= tables.channels):
        raise ValueError(f"channels must lie between 0 and {tables.channels - 1}")
    return vector


class CheckValue(Protocol):
    """A check value of symbols and of other values."""

    def add(self, symbols: Symbols) -> None:
        """Take more of them."""
        ...

    def value(self) -> int:
        """Return 24 bits."""
        ...


class BaseEncoder(ABC):
    """Collects symbols with their distributions; `finish` turns them into a stream.

    Any int32 can be coded with any distribution: what lies outside a distribution's window takes
    an escape of about 18 bits and twice the logarithm of its distance. The decoder must make the
    same calls in the same order, `check` among them. An encoder belongs to one thread at a time.
    """

    def __init__(self, check: CheckValue) -> None:
        self._check = check
        self._finished = False

    def put_mixture(self, symbols: IntegerVector, parameters: MixtureParameters) -> None:
        """Append n symbols, integers of shape (n,) within int32, with a mixture for each.

        Raises ValueError if the lengths differ or the symbols are no such vector.
        """
        vector = as_int32("symbols", symbols)
        if vector.size != len(parameters):
            raise ValueError(f"{vector.size} symbols have {len(parameters)} mixtures")
        self._require_open()
        self._check.add(vector)
        self._put_mixture(vector, parameters)

    def put_factorized(
        self,
        symbols: IntegerVector,
        channels: IntegerVector,
        tables: FactorizedTables,
    ) -> None:
        """Append n symbols (n,) within int32, symbol i with the table of channels[i].

        Raises ValueError if the lengths differ, the symbols are no such vector or a channel is
        not in the tables.
        """
        vector = as_int32("symbols", symbols)
        indices = _as_channels(channels, tables)
        if vector.size != indices.size:
            raise ValueError(f"{vector.size} symbols have {indices.size} channels")
        self._require_open()
        self._check.add(vector)
        self._put_factorized(vector, indices, tables)

    def check(self, values: IntegerVector) -> None:
        """Add n values, integers of shape (n,) within int32, to the check value.

        They are not coded: a decoder that has other values refuses the stream. Use it for what both
        sides compute from the symbols. Raises ValueError if the values are no such vector.
        """
        vector = as_int32("values", values)
        self._require_open()
        self._check.add(vector)

    def finish(self, lanes: int | None = None, chunks: int | None = None) -> bytes:
        """Return the stream; the encoder cannot be used any more.

        The numbers of lanes, a power of two from 1 to 64, and of chunks, one from 1 to 16, are
        chosen for the stream's length unless they are given: more lanes decode faster, chunks can
        be decoded by a thread each, and a lane in a chunk costs some 32 bits.
        """
        if lanes is not None and lanes not in (1, 2, 4, 8, 16, 32, 64):
            raise ValueError("the number of lanes must be a power of two from 1 to 64")
        if chunks is not None and chunks not in (1, 2, 4, 8, 16):
            raise ValueError("the number of chunks must be a power of two from 1 to 16")
        self._require_open()
        self._finished = True
        if lanes is None:
            lanes, enough = choose_lanes(self._cost() >> 16)
            chunks = enough if chunks is None else chunks
        return self._finish(lanes, chunks or 1, self._check.value())

    def _require_open(self) -> None:
        if self._finished:
            raise RuntimeError("the encoder has finished")

    @abstractmethod
    def _put_mixture(self, symbols: Symbols, parameters: MixtureParameters) -> None: ...

    @abstractmethod
    def _put_factorized(
        self, symbols: Symbols, channels: Symbols, tables: FactorizedTables
    ) -> None: ...

    @abstractmethod
    def _cost(self) -> int:
        """Return the bits put so far times 2**16, estimated alike on every machine."""

    @abstractmethod
    def _finish(self, lanes: int, chunks: int, check: int) -> bytes: ...


class BaseDecoder(ABC):
    """Reads symbols back; the calls must be those of the encoder, with the same distributions.

    The bytes need not be trusted. No method allocates more than what it returns. The symbols are
    known to be right only when `finish` has returned; after a `CorruptStreamError` the decoder
    cannot be used any more. A decoder belongs to one thread at a time.
    """

    def __init__(self, check: CheckValue) -> None:
        self._check = check
        self._usable = True

    def get_mixture(self, parameters: MixtureParameters) -> Symbols:
        """Return the next n symbols, int32 (n,), coded with these mixtures.

        Raises `CorruptStreamError` if the stream ends or cannot be what an encoder wrote.
        """
        self._take()
        symbols = np.empty(len(parameters), dtype=np.int32)
        self._get_mixture(parameters, symbols)
        self._check.add(symbols)
        self._usable = True
        return symbols

    def get_factorized(self, channels: IntegerVector, tables: FactorizedTables) -> Symbols:
        """Return the next n symbols, int32 (n,), symbol i coded with the table of channels[i].

        Raises `CorruptStreamError` like `get_mixture`, and ValueError if a channel is not in the
        tables.
        """
        indices = _as_channels(channels, tables)
        self._take()
        symbols = np.empty(indices.size, dtype=np.int32)
        self._get_factorized(indices, tables, symbols)
        self._check.add(symbols)
        self._usable = True
        return symbols

    def check(self, values: IntegerVector) -> None:
        """Add n values, integers of shape (n,) within int32, to the check value.

        `finish` refuses the stream if the encoder checked other values. Raises ValueError if the
        values are no such vector.
        """
        vector = as_int32("values", values)
        self._take()
        self._check.add(vector)
        self._usable = True

    def finish(self) -> None:
        """Verify that the stream ends here, and its check value.

        Raises `CorruptStreamError` otherwise. Damage passes unnoticed once in 2**24 times.
        """
        self._take()
        self._finish(self._check.value())

    def _take(self) -> None:
        # Usable again only after success: an error leaves the coder's state between two symbols.
        if not self._usable:
            raise RuntimeError("the decoder has finished or failed")
        self._usable = False

    @abstractmethod
    def _get_mixture(self, parameters: MixtureParameters, symbols: Symbols) -> None: ...

    @abstractmethod
    def _get_factorized(
        self, channels: Symbols, tables: FactorizedTables, symbols: Symbols
    ) -> None: ...

    @abstractmethod
    def _finish(self, check: int) -> None: ...
