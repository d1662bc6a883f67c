"""A rectangle of pixels to a stream of the residual layer, and back."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lic.residual_coding import _native

Pixels = NDArray[np.uint8]

CHECK_BYTES = 3
_WORST_ERROR = 255


class CorruptLayerError(Exception):
    """A stream is damaged, or was made on top of another picture."""


@dataclass(frozen=True)
class Settings:
    """What an encoder aims at.

    Raises
    ------
    ValueError
        If a field is out of its range.
    """

    step: int
    """Of the transform's quantization, in 1/16 of an 8-bit sample, 1 to 65535."""
    bound: int
    """Differences of pixels coded one by one are in steps of 2 bound + 1; 0 to 127."""
    bit_worth: float
    """Squared error, summed over samples, that is as bad as one more bit."""
    max_error: int = _WORST_ERROR
    """No sample may be off by more, 0 to 255. Below 255 all is coded pixel by pixel."""

    def __post_init__(self) -> None:
        if not 1 <= self.step < 2**16:
            raise ValueError("the step must lie between 1 and 65535")
        if not 0 <= self.bound <= min(self.max_error, 127):
            raise ValueError("the bound must lie between 0 and the largest error, or 127")
        if not 0 <= self.max_error <= _WORST_ERROR or self.bit_worth < 0:
            raise ValueError("the largest error must be an 8-bit sample, a bit's worth positive")

    @classmethod
    def within(cls, max_error: int) -> Settings:
        """The settings for a largest error of any sample, 0 (without loss) to 255."""
        bound = min(max_error, 127)
        return cls(1, bound, 0.1 * (2 * bound + 1) ** 2 if bound else 0.0, max_error)


@dataclass(frozen=True)
class Layer:
    """A stream, and what it decodes to."""

    stream: bytes
    pixels: Pixels
    squared_error: float
    """Of all samples against the source."""


def encode(source: Pixels, base: Pixels | None, settings: Settings) -> Layer:
    """Code pixels (height, width, 3; uint8, RGB), given the network's picture of them, if any.

    The stream is the same on every machine with IEEE arithmetic; what it decodes to, on all.
    """
    decoded = np.empty_like(source, order="C")
    data, error = _native.encode(
        np.ascontiguousarray(source),
        _contiguous(base),
        decoded,
        settings.step,
        settings.bound,
        settings.bit_worth,
        settings.max_error,
    )
    return Layer(data + _check(decoded), decoded, error)


def decode(stream: bytes, base: Pixels | None, shape: tuple[int, int]) -> Pixels:
    """The pixels (height, width, 3) of a stream, on top of the picture that it was made with.

    Raises
    ------
    CorruptLayerError
        If the stream is damaged, or was made with another picture or shape.
    """
    decoded = np.empty((*shape, 3), np.uint8)
    end = max(len(stream) - CHECK_BYTES, 0)
    try:
        _native.decode(stream[:end], _contiguous(base), decoded)
    except ValueError as error:
        raise CorruptLayerError(str(error)) from error
    if stream[end:] != _check(decoded):
        raise CorruptLayerError("the pixels are not those that were coded")
    return decoded


def _contiguous(pixels: Pixels | None) -> Any:
    return None if pixels is None else np.ascontiguousarray(pixels)


def _check(pixels: Pixels) -> bytes:
    return zlib.crc32(pixels.data).to_bytes(4, "little")[:CHECK_BYTES]
