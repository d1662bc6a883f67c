"""Networks of integers: exact by construction, the same numbers on every machine.

========================  ==================================================================
`Graph`                   layers, checked when made: no accumulator can overflow
`layers`                  what a graph is made of
`values`                  what is known of values before anything runs, and the proofs
`reference.run`           a graph's outputs in NumPy: the definition
`native.NativeGraph`      the same in C++, at the speed of the machine
`fixed_point`             rescaling, gains by quality, the exponential
`codec_network`           the graphs of a codec, and the tables between them
`serialization`           such a codec as plain data, and back; `packing` of its weights
`limits`                  an analysis that stays within the range of its calibration
========================  ==================================================================

Nothing here knows of pictures, files or floats, and nothing but NumPy is needed.
"""

from .errors import GraphError
from .graph import Graph, MixtureArrays

__all__ = ["Graph", "GraphError", "MixtureArrays"]
