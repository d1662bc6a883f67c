"""Networks of integers: exact by construction, the same numbers on every machine.

========================  ==================================================================
`Graph`                   layers, checked when made: no accumulator can overflow
`layers`                  what a graph is made of
`reference.run`           a graph's outputs in NumPy: the definition
`native.NativeGraph`      the same in C++, at the speed of the machine
`fixed_point`             rescaling, gains by quality, the exponential
========================  ==================================================================

Nothing here knows of pictures, files or floats, and nothing but NumPy is needed.
"""

from .errors import GraphError
from .graph import Graph, MixtureArrays

__all__ = ["Graph", "GraphError", "MixtureArrays"]
