"""Workloads that several tests share."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from lic.entropy_coding import FactorizedTables, MixtureParameters

# Name: largest scale, standard deviation of the means. "wide" has 3.9 bits a symbol, "peaky" 1.7.
WORKLOADS = {"wide": (30.0, 5.0), "peaky": (2.0, 0.5)}


@dataclass
class Workload:
    """Symbols drawn from real-valued mixtures (K, n), and the parameters rounded to the grid."""

    symbols: np.ndarray
    weights: np.ndarray
    means: np.ndarray
    scales: np.ndarray
    parameters: MixtureParameters

    def real_bits(self) -> float:
        """Return the ideal code length with the real-valued mixtures."""

        def normal(z: np.ndarray) -> np.ndarray:
            return np.array([math.erfc(-x / math.sqrt(2)) / 2 for x in z.ravel()]).reshape(z.shape)

        # On the negative side, where differences of small numbers are accurate.
        distance = -np.abs(self.symbols - self.means)
        upper, lower = (normal((distance + half) / self.scales) for half in (0.5, -0.5))
        return float(-np.log2((self.weights * (upper - lower)).sum(axis=0)).sum())


@pytest.fixture(scope="session")
def draw_workload() -> Callable[..., Workload]:
    def draw(kind: str, count: int, components: int = 3, seed: int = 1) -> Workload:
        random = np.random.default_rng(seed)
        largest, spread = WORKLOADS[kind]
        shape = (components, count)
        scales = np.exp(random.uniform(math.log(0.11), math.log(largest), shape))
        means = random.normal(0, spread, shape)
        weights = random.dirichlet(np.ones(components), count).T
        chosen = (random.random(count) > np.cumsum(weights, 0)).sum(0).clip(0, components - 1)
        drawn = random.normal(means, scales)[chosen, np.arange(count)]
        return Workload(
            np.rint(drawn).astype(np.int32),
            weights,
            means,
            scales,
            MixtureParameters.from_real(weights, means, scales),
        )

    return draw


@pytest.fixture(scope="session")
def tables() -> FactorizedTables:
    """Return three channels: a short window, a long one and one far from zero."""
    distributions = [[0.1, 0.8, 0.1], np.exp(-np.abs(np.arange(-40, 41)) / 5.0), np.ones(7)]
    return FactorizedTables.from_probabilities(distributions, [-1, -40, 1000])
