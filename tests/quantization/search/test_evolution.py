from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lic.models.deployable.model import Deployable
from lic.quantization.search.evolution import Evolution, Rated, fronts, hypervolume, points_of
from lic.quantization.search.space import Architecture, Space, space_of

pairs = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=12)


@given(pairs)
def test_no_point_of_the_first_front_is_worse_than_another(points: list[tuple[int, int]]) -> None:
    number = fronts(np.array(points, float))
    for i, (loss, cost) in enumerate(points):
        worse = any(a <= loss and b <= cost and (a, b) != (loss, cost) for a, b in points)
        assert (number[i] == 0) == (not worse)


@given(pairs)
def test_the_area_of_a_front_is_the_points_that_it_is_better_than(
    points: list[tuple[int, int]],
) -> None:
    cells = sum(any(a <= x and b <= y for a, b in points) for x in range(9) for y in range(9))
    assert hypervolume(np.array(points, float), (9, 9)) == cells


@pytest.fixture(scope="module")
def space(small_model: Deployable) -> Space:
    return space_of(small_model)


def _rated(space: Space) -> dict[str, list[Rated]]:
    """300 architectures each, of a loss that depends on a few sites and a cost on all of them."""

    def rate(architecture: Architecture) -> Rated:
        sizes = [
            1 - number / (len(site.choices) - 1)
            for site, number in zip(space.sites, architecture.numbers, strict=True)
        ]
        return Rated(architecture, sum(1 - size for size in sizes[::4]), sum(sizes))

    rng = np.random.default_rng(0)
    drawn = [rate(space.random(rng)) for _ in range(300)]
    evolved = list(islice(Evolution().search(space, rate, rng), 300))
    return {"random": drawn, "evolution": evolved}


def test_evolution_finds_more_than_random_draws(space: Space) -> None:
    found = _rated(space)
    assert len({r.architecture for r in found["evolution"]}) == 300
    worst = (10.0, 40.0)
    areas = {name: hypervolume(points_of(rated), worst) for name, rated in found.items()}
    assert areas["evolution"] > 1.1 * areas["random"]


def test_an_interrupted_evolution_goes_on_from_what_was_rated(space: Space) -> None:
    calls = []

    def rate(architecture: Architecture) -> Rated:
        calls.append(architecture)
        return Rated(architecture, float(sum(architecture.numbers)), 1.0)

    first = list(islice(Evolution(8).search(space, rate, np.random.default_rng(0)), 20))
    calls.clear()
    more = list(islice(Evolution(8).search(space, rate, np.random.default_rng(1), (), first), 10))
    assert len(calls) == len(more) == 10
    assert not {r.architecture for r in first} & {r.architecture for r in more}
