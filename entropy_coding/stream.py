"""What every coder of the stream format shares, whatever computes its intervals.

The format, for N interleaved rANS lanes::

    1 byte      log2 N, N = 1 .. 64
    5 N bytes   the lanes' states, each in [2**24, 2**40), little-endian
    2 bytes     words of 16 bits, little-endian, in the order in which the decoder reads them
    ...
    ... 1 byte  escape bits, read backwards from the stream's last byte, in each byte from the
                most significant bit down; the last byte read is filled up with zeros

Words and escape bytes meet exactly. Symbol i of every call belongs to lane i mod N. The decoder
takes a symbol's slot from its lane's state (the low 16 bits), advances the state, and if it fell
below 2**24, shifts in the next word. The encoder's initial states, which are the decoder's final
ones, are all 2**24 plus the low 24 bits of the CRC-32 of all symbols as little-endian int32.

`coder` has the coder to use; `reference` one that is slow and easy to read.
"""

from __future__ import annotations

import zlib
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import CorruptStreamError
from .factorized import FactorizedTables
from .mixture import MixtureParameters

MAXIMUM_LANES = 64
STATE_BYTES = 5
LOWEST_STATE = 1 << 24

IntegerVector = npt.NDArray[np.integer[Any]]
Symbols = npt.NDArray[np.int32]


def choose_lanes(bits: int) -> int:
    """Return the number of lanes for a stream of that many bits.

    A lane more costs up to 40 bits and on average about 32; the largest power of two is taken with
    which the lanes beyond the first stay well within a thousandth of the stream.
    """
    lanes = MAXIMUM_LANES
    while lanes > 1 and (lanes - 1) * 24 * 2000 > bits:
        lanes //= 2
    return lanes


def parse_header(data: bytes) -> tuple[int, list[int]]:
    """Return the number of lanes and their states, or raise `CorruptStreamError`."""
    if not data:
        raise CorruptStreamError("the stream is empty")
    lanes = 1 << data[0] if data[0] < 7 else 0
    if not lanes:
        raise CorruptStreamError("unknown number of lanes")
    ends = range(1 + STATE_BYTES, 2 + lanes * STATE_BYTES, STATE_BYTES)
    if ends[-1] > len(data):
        raise CorruptStreamError("the stream ends within its header")
    states = [int.from_bytes(data[end - STATE_BYTES : end], "little") for end in ends]
    if min(states) < LOWEST_STATE:
        raise CorruptStreamError("a lane's state is out of range")
    return lanes, states


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


def _crc(symbols: Symbols, check: int) -> int:
    return zlib.crc32(symbols.astype("<i4", copy=False).data, check)


class BaseEncoder(ABC):
    """Collects symbols with their distributions; `finish` turns them into a stream.

    Any int32 can be coded with any distribution: what lies outside a distribution's window takes
    an escape of about 16 bits and twice the logarithm of its distance. The decoder must make the
    same calls in the same order. An encoder belongs to one thread at a time.
    """

    def __init__(self) -> None:
        self._check = 0
        self._finished = False

    def put_mixture(self, symbols: IntegerVector, parameters: MixtureParameters) -> None:
        """Append n symbols, integers of shape (n,) within int32, with a mixture for each.

        Raises ValueError if the lengths differ or the symbols are no such vector.
        """
        vector = as_int32("symbols", symbols)
        if vector.size != len(parameters):
            raise ValueError(f"{vector.size} symbols have {len(parameters)} mixtures")
        self._require_open()
        self._check = _crc(vector, self._check)
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
        self._check = _crc(vector, self._check)
        self._put_factorized(vector, indices, tables)

    def finish(self, lanes: int | None = None) -> bytes:
        """Return the stream; the encoder cannot be used any more.

        The number of lanes, a power of two from 1 to 64, is chosen for the stream's length unless
        it is given: more lanes decode faster and cost some 32 bits each.
        """
        if lanes is not None and lanes not in (1, 2, 4, 8, 16, 32, 64):
            raise ValueError("the number of lanes must be a power of two from 1 to 64")
        self._require_open()
        self._finished = True
        if lanes is None:
            lanes = choose_lanes(self._cost() >> 16)
        return self._finish(lanes, self._check & 0xFFFFFF)

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
        """Return the bits put so far, estimated with the table `COST`, times 2**16."""

    @abstractmethod
    def _finish(self, lanes: int, check: int) -> bytes: ...


class BaseDecoder(ABC):
    """Reads symbols back; the calls must be those of the encoder, with the same distributions.

    The bytes need not be trusted. No method allocates more than what it returns. The symbols are
    known to be right only when `finish` has returned; after a `CorruptStreamError` the decoder
    cannot be used any more. A decoder belongs to one thread at a time.
    """

    def __init__(self) -> None:
        self._check = 0
        self._usable = True

    def get_mixture(self, parameters: MixtureParameters) -> Symbols:
        """Return the next n symbols, int32 (n,), coded with these mixtures.

        Raises `CorruptStreamError` if the stream ends or cannot be what an encoder wrote.
        """
        self._take()
        symbols = np.empty(len(parameters), dtype=np.int32)
        self._get_mixture(parameters, symbols)
        self._check = _crc(symbols, self._check)
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
        self._check = _crc(symbols, self._check)
        self._usable = True
        return symbols

    def finish(self) -> None:
        """Verify that the stream ends here and that its check value is that of the symbols.

        Raises `CorruptStreamError` otherwise. Damage passes unnoticed once in 2**24 times.
        """
        self._take()
        self._finish(self._check & 0xFFFFFF)

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
