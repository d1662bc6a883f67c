"""The fixed-point arithmetic of integer networks: rescaling, gains by quality, the exponential.

All of it is exact integer arithmetic, so that every machine computes the same numbers. `reference`
uses these functions for whole networks; other executors must agree with them to the last bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.integer[Any]]
Wide = NDArray[np.int64]

QUALITY_STEPS = 10000
"""Qualities are integers from 0 to this."""

LARGEST = 32767
"""The largest activation; the smallest is -LARGEST, so that no product of two overflows."""

ACCUMULATOR_LIMIT = 2**31 - 1
MULTIPLIER_LIMIT = 2**31 - 1
RESCALE_BITS = 31
"""Fractional bits of the multipliers of accumulators."""
GAIN_BITS = 20
"""Fractional bits of a gain's multiplier."""
LOG_BITS = 16
"""Fractional bits of the base-2 logarithms in tables of gains."""

# Coefficients of 2**x, 0 <= x < 1, in 1/2**30: a polynomial through Chebyshev nodes, off by at most
# 1e-8. Part of the format: they are never fitted again.
EXP2_COEFFICIENTS = (1073741824, 744260852, 257945486, 59571873, 10398316, 1330509, 234782)


def rescale(accumulators: Integers, multipliers: Integers) -> Wide:
    """Accumulators times multipliers / 2**31, rounded half up.

    It is the rounding doubling high product of two 32-bit integers, an instruction on ARM.
    """
    half = 1 << (RESCALE_BITS - 1)
    return (accumulators.astype(np.int64) * multipliers + half) >> RESCALE_BITS


def apply_gain(values: Integers, multipliers: Integers) -> Wide:
    """Values below 2**31 in magnitude, times multipliers / 2**20, rounded half up."""
    half = 1 << (GAIN_BITS - 1)
    return (values.astype(np.int64) * multipliers + half) >> GAIN_BITS


def saturate(values: Wide, low: int = -LARGEST, high: int = LARGEST) -> Wide:
    """Values limited to low..high."""
    return np.clip(values, low, high)


def at_quality(table: Integers, quality: int) -> Wide:
    """A table (levels, C) at a quality from 0 to QUALITY_STEPS, interpolated: (C,).

    The levels lie evenly on the qualities.
    """
    last = table.shape[0] - 1
    position = quality * last
    level = min(position // QUALITY_STEPS, max(last - 1, 0))
    upper = position - level * QUALITY_STEPS
    low, high = table[level].astype(np.int64), table[min(level + 1, last)].astype(np.int64)
    mixed = low * (QUALITY_STEPS - upper) + high * upper + QUALITY_STEPS // 2
    return np.asarray(mixed // QUALITY_STEPS)


def exp2(logarithms: Wide) -> Wide:
    """2**x, rounded, of x in 1/2**16 from 0 to 31 (exclusive); at most 2**31 - 1."""
    whole, fraction = logarithms >> LOG_BITS, logarithms & ((1 << LOG_BITS) - 1)
    power = np.full_like(logarithms, EXP2_COEFFICIENTS[-1])
    for coefficient in EXP2_COEFFICIENTS[-2::-1]:
        power = coefficient + ((power * fraction) >> LOG_BITS)
    # Twice the power, so that there is a bit to round by at the largest exponents, too.
    shift = 31 - whole
    rounded: Wide = (2 * power + (np.int64(1) << (shift - 1))) >> shift
    return np.minimum(rounded, MULTIPLIER_LIMIT)


def nearest_level(quality: int, levels: int) -> int:
    """The level whose quality is nearest to one from 0 to QUALITY_STEPS."""
    return (2 * quality * (levels - 1) + QUALITY_STEPS) // (2 * QUALITY_STEPS)
