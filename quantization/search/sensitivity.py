"""Where a search begins: what each single change of the largest network costs, taken to add up.

Sites are changed one by one, in one respect at a time: fewer bits of weights, or of activations, or
another shape. That the rises of the loss add up is an assumption, that of HAWQ-V3 (Yao et al. 2021,
arXiv 2011.10680); with it, the best choice of every site is known at once, for any price of the
cost, and all prices give architectures along the whole front.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lic.quantization.bits import LayerBits
from lic.quantization.search.space import Architecture, Choice, Site, Space

_PRICES = 48


def single_changes(space: Space) -> list[Architecture]:
    """The largest architecture, and those that differ from it in one respect of one site."""
    found = [space.largest]
    for place, site in enumerate(space.sites):
        for choice in _single(site):
            numbers = list(space.largest.numbers)
            numbers[place] = site.choices.index(choice)
            found.append(Architecture(tuple(numbers)))
    return found


def additive_front(
    space: Space, losses: Mapping[Architecture, float], costs: Sequence[NDArray[np.float64]]
) -> list[Architecture]:
    """Architectures that are the best if all rises of the loss add up.

    ``losses`` are those of `single_changes`, and ``costs`` has the costs of each site's choices.
    """
    base = losses[space.largest]
    predicted = []
    for place, site in enumerate(space.sites):
        rises = {site.choices[0]: 0.0}
        for choice in _single(site):
            numbers = list(space.largest.numbers)
            numbers[place] = site.choices.index(choice)
            rises[choice] = losses[Architecture(tuple(numbers))] - base
        predicted.append(np.array([_predicted(site, choice, rises) for choice in site.choices]))
    # From what one changes for nothing to what one would change for a tenth of the loss.
    span = sum(float(np.ptp(cost)) for cost in costs)
    prices = base / span * np.geomspace(1e-4, 10, _PRICES)
    found = [
        Architecture(
            tuple(
                int((rise + price * cost).argmin())
                for rise, cost in zip(predicted, costs, strict=True)
            )
        )
        for price in prices
    ]
    return list(dict.fromkeys(found))


def _single(site: Site) -> list[Choice]:
    """Choices that differ from the largest in one respect."""
    largest = site.choices[0]
    found = []
    for choice in site.choices[1:]:
        ways = (
            choice.shape != largest.shape,
            choice.bits.weights != largest.bits.weights,
            choice.bits.activations != largest.bits.activations,
        )
        if not choice.present or sum(ways) == 1:
            found.append(choice)
    return found


def _predicted(site: Site, choice: Choice, rises: Mapping[Choice, float]) -> float:
    """The sum of what the respects of a choice raise the loss by, alone."""
    if not choice.present:
        return rises[choice]
    largest = site.choices[0]
    weights = LayerBits(choice.bits.weights, largest.bits.activations)
    activations = LayerBits(largest.bits.weights, choice.bits.activations)
    alone = (
        replace(largest, shape=choice.shape),
        replace(largest, bits=weights),
        replace(largest, bits=activations),
    )
    return sum(max(rises[one], 0.0) for one in alone)
