"""The quality at which a picture's file has a given size, or the picture a given PSNR.

Both rise with the quality, the logarithm of the size and the PSNR nearly in proportion. So a few
encodes lead there: the first at the quality that is right for photographs on average, the others
where a straight line through those before suggests. All of the encoder depends on the quality, from
the first layer of its network on: nothing of an encode serves the next but its result.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lic.codec.container import QUALITY_STEPS
from lic.codec.errors import TargetError
from lic.codec.pixels import Pixels, psnr_of

_SIZE_TOLERANCE = 0.02
_PSNR_TOLERANCE = 0.05
# bpp, and PSNR in dB, at qualities 0 and 100, on the lines through 0 and 75 of the means of the 24
# Kodak pictures; above 80, where the residual layer begins, both rise faster.
_LEAST, _MOST = (0.0879, 27.13), (2.058, 40.30)
# The highest effort without gradients: files of more effort have nearly its rate and PSNR.
_QUICK = 2


@dataclass(frozen=True)
class Target:
    """What a file should have; exactly one of the three.

    Raises
    ------
    TargetError
        If there is none, or several, or one that no file can have.
    """

    size: int | None = None
    """At most so many bytes, and at least 98 % of them where the quality can be chosen so."""
    bpp: float | None = None
    """The same, in bits a pixel."""
    psnr: float | None = None
    """The decoded picture's PSNR in dB, within 0.05, or as near as the quality can be chosen."""

    def __post_init__(self) -> None:
        given = [value for value in (self.size, self.bpp, self.psnr) if value is not None]
        if len(given) != 1:
            raise TargetError("there must be one target: a size, a rate or a PSNR")
        if not (math.isfinite(given[0]) and given[0] > 0):
            raise TargetError(f"a target must be a positive number, not {given[0]}")


@dataclass(frozen=True)
class _Scale:
    """A measure of files, nearly linear in the quality, and where it should be."""

    measure: Callable[[bytes], float]
    low: float
    high: float
    least: float
    """Of a usual picture at quality 0."""
    most: float
    """The same at quality 100."""
    is_limit: bool
    """Whether nothing above the bounds is good, even if nothing is within."""

    @property
    def aim(self) -> float:
        """The middle of what is good."""
        return (self.low + self.high) / 2


def encode_to_target(
    encode: Callable[[float, int], bytes],
    decode: Callable[[bytes], Pixels],
    pixels: Pixels,
    target: Target,
    effort: int,
) -> bytes:
    """The best file of a picture (height, width, 3) that keeps to a target.

    ``encode`` takes a quality from 0 to 100 and an effort. A high effort is spent near the quality
    that a lower one finds. A picture that is better than its target at quality 0, or smaller than
    it at 100, is encoded so.

    Raises
    ------
    TargetError
        If the smallest file is too large, or the best picture not good enough.
    """
    scale = _scale(pixels, target, decode)
    slope = (scale.most - scale.least) / QUALITY_STEPS
    first = (scale.aim - scale.least) / slope
    for level in sorted({min(effort, _QUICK), effort}):
        search = _Search(encode, level, scale)
        quality, slope = search.run(first, slope)
        first = quality
    data, value = search.files[quality], search.values[quality]
    if scale.is_limit and value > scale.high:
        raise TargetError(f"the target is too small: the picture takes {len(data)} bytes")
    if quality == QUALITY_STEPS and not scale.is_limit and value < scale.low:
        raise TargetError(f"the target is too high: the picture comes to {value:.2f} dB at most")
    return data


def _scale(pixels: Pixels, target: Target, decode: Callable[[bytes], Pixels]) -> _Scale:
    count = pixels.shape[0] * pixels.shape[1]
    if target.psnr is not None:

        def psnr(data: bytes) -> float:
            difference = decode(data).astype(np.int32) - pixels
            # A lossless file is as good as any target.
            return min(psnr_of(float(np.square(difference).mean())), 200.0)

        bounds = target.psnr - _PSNR_TOLERANCE, target.psnr + _PSNR_TOLERANCE
        return _Scale(psnr, *bounds, _LEAST[1], _MOST[1], is_limit=False)
    size = target.size if target.size is not None else (target.bpp or 0) * count / 8
    bounds = math.log(size * (1 - _SIZE_TOLERANCE)), math.log(size)
    least, most = (math.log(bpp * count / 8) for bpp, _ in (_LEAST, _MOST))
    return _Scale(lambda data: math.log(len(data)), *bounds, least, most, is_limit=True)


class _Search:
    """A search by secants in a bracket for the quality where a measure is within its bounds."""

    def __init__(self, encode: Callable[[float, int], bytes], effort: int, scale: _Scale) -> None:
        self.files: dict[int, bytes] = {}
        self.values: dict[int, float] = {}
        self._encode, self._effort, self._scale = encode, effort, scale

    def run(self, first: float, slope: float) -> tuple[int, float]:
        """The quality in steps, and the measure's slope there."""
        scale, below, above = self._scale, -1, QUALITY_STEPS + 1
        quality = min(max(round(first), 0), QUALITY_STEPS)
        while True:
            value = self._value(quality)
            if scale.low <= value <= scale.high:
                return quality, slope
            if value < scale.low:
                below = quality
            else:
                above = quality
            if above - below <= 1:
                return self._best(below, above), slope
            slope = self._slope(quality, slope)
            guess = quality + (scale.aim - value) / slope
            # Not outside the bracket, nor too near to the end that was just found.
            margin = (above - below) // 20 if above <= QUALITY_STEPS and below >= 0 else 0
            quality = min(max(round(guess), below + 1 + margin), above - 1 - margin)

    def _best(self, below: int, above: int) -> int:
        """The better of two neighbours, one of which may be beyond the end of the scale."""
        inside = [q for q in (below, above) if q in self.values]
        if self._scale.is_limit:
            return inside[0]
        return min(inside, key=lambda q: abs(self.values[q] - self._scale.aim))

    def _value(self, quality: int) -> float:
        self.files[quality] = self._encode(100 * quality / QUALITY_STEPS, self._effort)
        self.values[quality] = self._scale.measure(self.files[quality])
        return self.values[quality]

    def _slope(self, quality: int, before: float) -> float:
        """The slope between a quality and the nearest other one, if there is one and it rises."""
        others = [other for other in self.values if other != quality]
        if not others:
            return before
        other = min(others, key=lambda q: abs(q - quality))
        rise = (self.values[quality] - self.values[other]) / (quality - other)
        return rise if rise > 0 else before
