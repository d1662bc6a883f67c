from __future__ import annotations

import numpy as np
import pytest
import torch

from lic.entropy_coding import factorized_bits
from lic.models.factorized import REACH, FactorizedDensity


def test_likelihoods_of_all_integers_sum_to_one() -> None:
    torch.manual_seed(0)
    density = FactorizedDensity(levels=2, channels=3)
    z = torch.arange(-400, 401, dtype=torch.float32).expand(2, 3, 1, -1)
    total = density.likelihood(z, torch.tensor([0.0, 1.0])).sum(-1)
    torch.testing.assert_close(total, torch.ones_like(total), rtol=0, atol=1e-3)


def test_frozen_tables_cost_what_the_density_says() -> None:
    torch.manual_seed(0)
    density = FactorizedDensity(levels=2, channels=5)
    density.freeze()
    generator = np.random.default_rng(0)
    symbols = generator.integers(-REACH + 1, REACH, 4000).astype(np.int32)
    channels = np.repeat(np.arange(5, dtype=np.int32), 800)
    for level in range(2):
        z = torch.from_numpy(symbols).view(1, 5, 800, 1).float()
        likelihood = density.likelihood(z, torch.tensor([float(level)]))
        expected = -likelihood.log2().sum().item()
        bits = factorized_bits(symbols, channels, density.tables(level))
        assert bits == pytest.approx(expected, rel=0.01)


def test_a_quality_uses_the_nearest_level() -> None:
    density = FactorizedDensity(levels=5, channels=1)
    quality = torch.tensor([0.0, 0.12, 0.13, 0.5, 1.0])
    assert density.nearest_level(quality).tolist() == [0, 0, 1, 2, 4]
