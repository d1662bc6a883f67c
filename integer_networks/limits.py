"""Keeps an analysis within the range in which it was calibrated, where training left it undefined.

A gate multiplies two values. Where training saw a gate all but closed, nothing taught the other
factor; a saturated picture opens it, the product is many times what any photograph gives, and
every layer behind amplifies it (`training/EXPERIMENTS.md` has the measurements). Activations hold
`HEADROOM` times the calibrated maximum. An encoder that gives the branches of its analysis less of
it loses nothing on photographs, and decoders do not see the difference: they never run it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .fixed_point import GAIN_BITS, LARGEST
from .graph import Graph
from .layers import Add, Convolution, Gain, Gate, Layer
from .values import Multiplier

HEADROOM = 4
"""How many times the calibrated maximum an activation can hold."""
LIMIT = (LARGEST + 1) // HEADROOM
"""The largest activation that calibration saw."""


def within_calibration(graph: Graph) -> Graph:
    """The graph with its gates' results, and what branches add to a stream, within +-`LIMIT`.

    Values within are not changed by a bit. A branch is the second source of an `Add`.
    """
    branches = {layer.sources[1] for layer in graph.layers if isinstance(layer, Add)}
    layers: list[Layer] = []
    places: list[int] = []
    for place, layer in enumerate(graph.layers):
        moved = replace(layer, sources=tuple(places[source] for source in layer.sources))
        if isinstance(moved, Convolution) and place in branches:
            moved = replace(moved, low=max(moved.low, -LIMIT), high=min(moved.high, LIMIT))
        layers.append(moved)
        if isinstance(moved, Gate):
            # The first gain saturates what is beyond the limit; the second undoes it.
            for factor in (HEADROOM << GAIN_BITS, (1 << GAIN_BITS) // HEADROOM):
                multiplier = Multiplier(
                    fixed=np.full(graph.values[place].channels, factor, np.int32)
                )
                layers.append(Gain((len(layers) - 1,), multiplier))
        places.append(len(layers) - 1)
    return Graph(tuple(layers), tuple(places[output] for output in graph.outputs))
