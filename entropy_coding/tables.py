"""The integer tables of the probability models: they are part of the stream format.

Every probability is computed from these integers by integer arithmetic, so that an encoder and a
decoder on different machines agree on every bit. The tables are rounded once from real numbers,
none of which lies near a rounding boundary (a test shows it); a pinned digest is verified at
import, so a mathematics library that disagreed would be refused instead of writing streams that
no other machine can read.

========================  =====================================================================
``EXPONENTIAL`` (256,)    ``2**15 * exp(-i / 16)``, for the softmax of the mixture's logits
``INVERSE_SCALE`` (256,)  position in ``NORMAL`` per 1/64 of a symbol, with 21 fractional bits
``REACH`` (256,)          4.4 scales in 1/64 of a symbol: beyond it, ``NORMAL`` is 0 or 65536
``NORMAL`` (1185,)        ``2**16 * Phi(z)`` for z from -4.625 to 4.625 in steps of 1/128
``COST`` (4097,)          ``2**16 * log2(4096 / i)``: bits of a frequency in 1/16 of its unit
========================  =====================================================================

``COST`` only steers the encoder's choice of the number of lanes.
"""

import hashlib
import math

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

PROBABILITY_BITS = 16
TOTAL = 1 << PROBABILITY_BITS
WEIGHT_BITS = 12
POSITION_BITS = 21
NORMAL_STEPS = 128
NORMAL_HALF = 592
"""Entries of ``NORMAL`` on either side of zero; enough for ``REACH[s]`` at every scale."""

DIGEST = "90ef01b90b854b2884b6dc89e03c44ef7b777260604843646b2274d70449e534"


def real_tables() -> dict[str, list[float]]:
    """Return the tables as real numbers; each integer is ``floor(real + 0.5)``."""
    scales = [SCALE_LOWEST * math.exp(SCALE_RATIO * i) for i in range(256)]
    per_unit = NORMAL_STEPS * MEAN_UNIT * 2**POSITION_BITS
    return {
        "exponential": [2**15 * math.exp(-i * LOGIT_UNIT) for i in range(256)],
        "inverse_scale": [per_unit / scale for scale in scales],
        # The half makes this a ceiling; 4.4 rather than 4.5, because 4.5 * 64 * 256 is an integer.
        "reach": [4.4 / MEAN_UNIT * scale + 0.5 for scale in scales],
        "normal": [
            TOTAL * 0.5 * math.erfc(-i / NORMAL_STEPS / math.sqrt(2))
            for i in range(-NORMAL_HALF, NORMAL_HALF + 1)
        ],
        "cost": [2**16 * math.log2(4096 / max(i, 1)) for i in range(4097)],
    }


def _integers(real: list[float]) -> npt.NDArray[np.int32]:
    table = np.array([math.floor(value + 0.5) for value in real], dtype=np.int32)
    table.flags.writeable = False
    return table


def digest(tables: list[npt.NDArray[np.int32]]) -> str:
    """Return the SHA-256 of the tables' little-endian bytes, one after the other."""
    return hashlib.sha256(b"".join(t.astype("<i4").tobytes() for t in tables)).hexdigest()


EXPONENTIAL, INVERSE_SCALE, REACH, NORMAL, COST = map(_integers, real_tables().values())

SCALES: npt.NDArray[np.float64] = SCALE_LOWEST * np.exp(SCALE_RATIO * np.arange(256.0))
"""The 256 standard deviations that an index stands for, log-spaced from 0.11 to 256 symbols."""
SCALES.flags.writeable = False

if digest([EXPONENTIAL, INVERSE_SCALE, REACH, NORMAL, COST]) != DIGEST:
    raise ImportError("the entropy coder's tables differ on this machine from the format's")
