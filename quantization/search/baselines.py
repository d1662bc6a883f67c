"""What searches are compared with: uniform bits, random draws, and a greedy choice of bits."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lic.quantization.bits import LayerBits
from lic.quantization.errors import QuantizationError
from lic.quantization.search.evolution import Rate, Rated
from lic.quantization.search.space import Architecture, Choice, Space


def uniform(space: Space) -> list[Architecture]:
    """The whole network with the same bits everywhere, for all that the space has."""
    found = []
    for site_bits in space.sites[0].choices:
        try:
            found.append(space.uniform(site_bits.bits))
        except QuantizationError:
            continue
    return list(dict.fromkeys(found))


def random_search(space: Space, rate: Rate, rng: np.random.Generator) -> Iterator[Rated]:
    """Rate architectures drawn at random, none twice, for as long as the caller takes them."""
    seen: set[Architecture] = set()
    while True:
        drawn = space.random(rng)
        if drawn not in seen:
            seen.add(drawn)
            yield rate(drawn)


def greedy(space: Space, rate: Rate, limits: tuple[float, ...]) -> Iterator[Rated]:
    """Of each site the fewest bits that alone raise the loss by less than a fraction.

    FMPQ (arXiv 2506.01221, section 3), with weights and activations of a site as one layer. Gives
    the architecture of each limit, after as many ratings as there are sites times bits.
    """
    largest = rate(space.largest)
    chosen = space.choices(space.largest)
    raised: dict[str, list[tuple[Choice, float]]] = {}
    for site in space.sites:
        shape = chosen[site.name].shape
        options = [choice for choice in site.choices if choice.present and choice.shape == shape]
        raised[site.name] = [
            (option, rate(space.nearest(chosen | {site.name: option})).loss / largest.loss - 1)
            for option in options
        ]
    for limit in limits:
        picked = {
            name: min(
                (option for option, rise in rises if rise < limit),
                key=_bits,
                default=chosen[name],
            )
            for name, rises in raised.items()
        }
        yield rate(space.nearest(picked))


def _bits(choice: Choice) -> int:
    bits: LayerBits = choice.bits
    return bits.weights * bits.activations
