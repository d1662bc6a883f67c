"""Entropy coding: integers and their distributions to bytes, and back, the same on every machine.

Nothing here knows of pictures or networks, and nothing but NumPy is needed. Everything that decides
a probability is integer arithmetic. Any int32 can be coded; a stream of other origin, damaged or
hostile, raises `CorruptStreamError` and nothing else: a check value of its symbols, and of what was
computed from them, is in it.

>>> import numpy as np
>>> from lic.entropy_coding import Decoder, Encoder, MixtureParameters
>>> symbols = np.array([3, -1, 0, 1000], dtype=np.int32)
>>> parameters = MixtureParameters.from_real(
...     weights=np.full((2, 4), 0.5), means=[[2.5, 0, 0, 0], [0, 0, 0, 0]], scales=np.ones((2, 4))
... )
>>> encoder = Encoder()
>>> encoder.put_mixture(symbols, parameters)
>>> stream = encoder.finish()
>>> decoder = Decoder(stream)
>>> decoder.get_mixture(parameters).tolist()
[3, -1, 0, 1000]
>>> decoder.finish()

========================  ==================================================================
`MixtureParameters`       distributions predicted symbol by symbol (1 to 4 Gaussians)
`FactorizedTables`        fixed distributions, one per channel
`Encoder`, `Decoder`      the coder; streams of both kinds of symbols, in any order
`mixture_bits`, ...       what the symbols ideally cost, without coding them
`mixture_counts`          how probable each symbol is, as the coder sees it
========================  ==================================================================
"""

from .coder import Decoder, Encoder, factorized_bits, mixture_bits, mixture_counts
from .errors import CorruptStreamError
from .factorized import FactorizedTables
from .mixture import MixtureParameters, scale_index
from .stream import stream_lanes
from .tables import LOGIT_UNIT, MEAN_UNIT, SCALES

__all__ = [
    "LOGIT_UNIT",
    "MEAN_UNIT",
    "SCALES",
    "CorruptStreamError",
    "Decoder",
    "Encoder",
    "FactorizedTables",
    "MixtureParameters",
    "factorized_bits",
    "mixture_bits",
    "mixture_counts",
    "scale_index",
    "stream_lanes",
]
