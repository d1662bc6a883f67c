"""Keeps an analysis within the range in which it was calibrated.

A gate multiplies two values. Both grow with a picture's contrast and with the gains of a higher
quality, so that their product grows quadratically; on saturated graphics it becomes many times what
training saw, and the layers behind amplify it (`training/EXPERIMENTS.md` has measurements).
Activations hold `HEADROOM` times the calibrated maximum, so saturation comes too late. An encoder
that limits the branches of its analysis to that maximum changes next to nothing on photographs, and
decoders see no difference: they do not run the analysis.
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
"""The calibrated maximum, as an activation."""


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
