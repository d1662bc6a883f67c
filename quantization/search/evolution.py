"""Evolutionary search for a front of architectures: NSGA-II on shared weights.

Deb et al. 2002, "A fast and elitist multiobjective genetic algorithm: NSGA-II" (IEEE Transactions
on Evolutionary Computation 6(2)), with uniform crossover and mutation of single sites. What is
minimised is the loss that a supernet measures, and a cost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lic.quantization.search.space import Architecture, Space

Points = NDArray[np.float64]
"""(n, 2): a loss and a cost for each of n architectures."""


@dataclass(frozen=True)
class Rated:
    """An architecture and what it was found to be."""

    architecture: Architecture
    loss: float
    cost: float


Rate = Callable[[Architecture], Rated]


@dataclass(frozen=True)
class Evolution:
    """The settings of a search."""

    population: int = 24
    mutation: float = 0.05
    """The probability of a site to change."""

    def search(
        self,
        space: Space,
        rate: Rate,
        rng: np.random.Generator,
        seeds: Sequence[Architecture] = (),
        known: Sequence[Rated] = (),
    ) -> Iterator[Rated]:
        """Rate one architecture after the other, for as long as the caller takes them.

        Parameters
        ----------
        space, rate, rng
            What to search, how good an architecture is, and random numbers.
        seeds
            Architectures to begin with.
        known
            What an interrupted search had rated: it goes on from there.
        """
        rated = {r.architecture: r for r in known}
        first = list(seeds)
        while first or len(rated) < self.population:
            candidate = first.pop(0) if first else space.random(rng)
            if candidate not in rated:
                rated[candidate] = rate(candidate)
                yield rated[candidate]
        population = self._survivors(list(rated.values()))
        while True:
            children: list[Rated] = []
            while len(children) < self.population:
                child = self._child(space, population, rng)
                if child not in rated:
                    rated[child] = rate(child)
                    children.append(rated[child])
                    yield rated[child]
            population = self._survivors(population + children)

    def _child(
        self, space: Space, population: Sequence[Rated], rng: np.random.Generator
    ) -> Architecture:
        """A new architecture of two parents, each the better of two drawn at random."""
        order = ranking(points_of(population))
        parents = [
            population[min(rng.integers(len(population), size=2), key=order.__getitem__)]
            for _ in range(2)
        ]
        numbers = []
        for place, site in enumerate(space.sites):
            number = parents[int(rng.integers(2))].architecture.numbers[place]
            if rng.random() < self.mutation:
                number = int(rng.integers(len(site.choices)))
            numbers.append(number)
        return Architecture(tuple(numbers))

    def _survivors(self, rated: list[Rated]) -> list[Rated]:
        if len(rated) <= self.population:
            return rated
        order = ranking(points_of(rated))
        return [rated[i] for i in np.argsort(order)[: self.population]]


def points_of(rated: Sequence[Rated]) -> Points:
    """Losses and costs."""
    return np.array([(r.loss, r.cost) for r in rated]).reshape(-1, 2)


def fronts(points: Points) -> NDArray[np.int64]:
    """For each point the number of its front: 0 if no other is better, then without those, ..."""
    better = (points[:, None] <= points[None]).all(2) & (points[:, None] < points[None]).any(2)
    found = np.full(len(points), -1)
    number = 0
    while (found < 0).any():
        left = found < 0
        best = left & ~(better & left[:, None]).any(0)
        found[best] = number
        number += 1
    return found


def crowding(points: Points) -> NDArray[np.float64]:
    """How far a point's neighbours on its front are apart; infinite at the ends."""
    distance = np.zeros(len(points))
    for column in points.T:
        order = np.argsort(column, kind="stable")
        spread = column[order[-1]] - column[order[0]]
        distance[order[[0, -1]]] = np.inf
        if spread > 0:
            distance[order[1:-1]] += (column[order[2:]] - column[order[:-2]]) / spread
    return distance


def ranking(points: Points) -> NDArray[np.int64]:
    """The places of points: by front, and within one the most lonely first."""
    number = fronts(points)
    distance = np.zeros(len(points))
    for front in range(number.max(initial=-1) + 1):
        members = number == front
        distance[members] = crowding(points[members])
    order = np.lexsort((-distance, number))
    places = np.empty(len(points), np.int64)
    places[order] = np.arange(len(points))
    return places


def hypervolume(points: Points, worst: tuple[float, float]) -> float:
    """The area between a front and the worst point that still counts: more is better."""
    area, height = 0.0, worst[1]
    for loss, cost in sorted(map(tuple, points)):
        if loss < worst[0] and cost < height:
            area += (worst[0] - loss) * (height - cost)
            height = cost
    return area
