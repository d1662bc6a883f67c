"""The integer tables and constants of the probability models: they are part of the stream format.

Every probability is computed from these integers by integer arithmetic, so that an encoder and a
decoder on different machines agree on every bit. The tables are rounded once from real numbers,
none of which lies near a rounding boundary (a test shows it); a pinned digest is verified at
import, so a mathematics library that disagreed would be refused instead of writing streams that
no other machine can read.

========================  =====================================================================
``INVERSE_SCALE`` (256,)  2**31 / 4.3 scales, per 1/64 of a symbol
``REACH`` (256,)          4.12 scales in 1/64 of a symbol, rounded up: the error function is flat
                          beyond it
``QUANTILE`` (512,)       normal quantiles of (i + 1/2) / 512 in 1/4096 of 4.12: where the decoder
                          starts to search; not of the format
========================  =====================================================================

The exponential, the reciprocal and the error function are polynomials of 16-bit numbers instead of
tables, because vector instructions multiply faster than they look up; `reference` has them.
"""

import hashlib
import math
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

LOGIT_UNIT = 1 / 16
"""One step of a mixture weight's logit, in nats."""

MEAN_UNIT = 1 / 64
"""One step of a mean, in symbols."""

SCALE_LOWEST = 0.11
SCALE_HIGHEST = 256.0
SCALE_RATIO = math.log(SCALE_HIGHEST / SCALE_LOWEST) / 255
"""Natural logarithm of the ratio of neighbouring scales (a step of 3.1 %)."""

PROBABILITY_BITS = 18
PROBABILITY_TOTAL = 1 << PROBABILITY_BITS
WEIGHT_BITS = 13
ERROR_RANGE = 4.3
"""Scales at which the error function's argument, a 16-bit number, would be 2**15."""
FLAT_FROM = 4.12
"""Scales from which on it is at its end."""

DIGEST = "740a777b4fbec93ff0e51ce1cfd923d1e8e072f1dd9a1c76b3cd4fd6bc8002d2"


def real_tables() -> dict[str, list[float]]:
    """Return the tables as real numbers; each integer is ``floor(real + 0.5)``."""
    scales = [SCALE_LOWEST * math.exp(SCALE_RATIO * i) for i in range(256)]
    return {
        "inverse_scale": [2**31 / (ERROR_RANGE / MEAN_UNIT * scale) for scale in scales],
        # The half makes this a ceiling.
        "reach": [FLAT_FROM / MEAN_UNIT * scale + 0.5 for scale in scales],
    }


def _integers(real: list[float]) -> npt.NDArray[np.int32]:
    table = np.array([math.floor(value + 0.5) for value in real], dtype=np.int32)
    table.flags.writeable = False
    return table


def digest(tables: list[npt.NDArray[np.int32]]) -> str:
    """Return the SHA-256 of the tables' little-endian bytes, one after the other."""
    return hashlib.sha256(b"".join(t.astype("<i4").tobytes() for t in tables)).hexdigest()


INVERSE_SCALE, REACH = map(_integers, real_tables().values())

QUANTILE = _integers([NormalDist().inv_cdf((i + 0.5) / 512) / FLAT_FROM * 4096 for i in range(512)])

SCALES: npt.NDArray[np.float64] = SCALE_LOWEST * np.exp(SCALE_RATIO * np.arange(256.0))
"""The 256 standard deviations that an index stands for, log-spaced from 0.11 to 256 symbols."""
SCALES.flags.writeable = False

if digest([INVERSE_SCALE, REACH]) != DIGEST:
    raise ImportError("the entropy coder's tables differ on this machine from the format's")
