from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from lic.models.deployable.model import Deployable
from lic.quantization.search.sensitivity import additive_front, single_changes
from lic.quantization.search.space import Architecture, Choice, Space, space_of


@pytest.fixture(scope="module")
def space(small_model: Deployable) -> Space:
    return space_of(small_model)


def _rise(place: int, choice: Choice) -> float:
    """What a choice of a site adds to a loss of 7."""
    dear = 1 + place % 5
    if not choice.present:
        return 0.3 * dear
    shape = 0.0 if choice.shape is None else 2 - choice.shape.expansion
    return 0.01 * dear * (shape + 2 ** -(choice.bits.weights - 8.0)) + (
        0.02 * (16 - choice.bits.activations) * (place % 3)
    )


def _loss(space: Space, architecture: Architecture) -> float:
    chosen = space.choices(architecture).values()
    return 7 + sum(_rise(place, choice) for place, choice in enumerate(chosen))


def _costs(space: Space) -> list[NDArray[np.float64]]:
    rows = [
        [
            choice.present * choice.bits.weights * choice.bits.activations
            + (choice.shape is not None and 40 * choice.shape.expansion)
            for choice in site.choices
        ]
        for site in space.sites
    ]
    return [np.array(row, float) for row in rows]


def test_single_changes_are_those_of_one_respect_of_one_site(space: Space) -> None:
    changes = single_changes(space)
    assert changes[0] == space.largest
    assert len(set(changes)) == len(changes)
    for changed in changes[1:]:
        assert sum(number > 0 for number in changed.numbers) == 1
    bits = sum(len(site.weight_bits) + len(site.activation_bits) - 2 for site in space.sites)
    shapes = sum(max(len(site.shapes) - 1, 0) + site.optional for site in space.sites)
    assert len(changes) == 1 + bits + shapes


def test_no_architecture_is_better_than_the_front_if_rises_add_up(space: Space) -> None:
    losses = {change: _loss(space, change) for change in single_changes(space)}
    costs = _costs(space)
    front = additive_front(space, losses, costs)
    assert len(front) > 10

    def point(architecture: Architecture) -> tuple[float, float]:
        numbers = zip(costs, architecture.numbers, strict=True)
        return _loss(space, architecture), sum(float(cost[number]) for cost, number in numbers)

    rng = np.random.default_rng(0)
    others = [space.random(rng) for _ in range(200)]
    for best in front:  # and its neighbours
        numbers = np.array(best.numbers)
        place = int(rng.integers(len(numbers)))
        numbers[place] = rng.integers(len(space.sites[place].choices))
        others.append(Architecture(tuple(numbers.tolist())))
    found = [point(best) for best in front]
    for loss, cost in map(point, others):
        for best_loss, best_cost in found:
            assert not (loss < best_loss - 1e-9 and cost < best_cost - 1e-9)
