from __future__ import annotations

import numpy as np
import pytest
import torch

from lic.entropy_coding import MEAN_UNIT, mixture_bits
from lic.models.mixture import Mixture, outputs_per_latent


def draw(components: int, latents: int = 64) -> Mixture:
    generator = torch.Generator().manual_seed(3)
    raw = torch.randn(
        1, outputs_per_latent(components), latents, 4, 4, generator=generator, dtype=torch.float64
    )
    return Mixture.from_raw(raw / 2, torch.full((1, latents, 1, 1), 0.7, dtype=torch.float64))


@pytest.mark.parametrize("components", [1, 2, 3, 4])
def test_likelihoods_of_all_symbols_sum_to_one(components: int) -> None:
    mixture = draw(components)
    total = sum(mixture.likelihood(torch.full_like(mixture.centre, v)) for v in range(-90, 91))
    torch.testing.assert_close(total, torch.ones_like(mixture.centre), rtol=0, atol=1e-6)


@pytest.mark.parametrize("components", [1, 3])
def test_the_coders_bits_agree_with_the_likelihoods(components: int) -> None:
    mixture = draw(components, latents=256)
    generator = np.random.default_rng(0)
    centre, (parameters,) = mixture.to_integers()
    scale = mixture.log_scales[0, 0].exp().flatten().numpy()
    symbols = np.rint(generator.normal(0, scale)).astype(np.int32)
    residual = torch.from_numpy(symbols.astype(np.float64)).view_as(mixture.centre)
    expected = -float(mixture.likelihood(residual).log2().sum())
    assert mixture_bits(symbols, parameters) == pytest.approx(expected, rel=2e-3)
    np.testing.assert_allclose(
        centre[0] * MEAN_UNIT, mixture.centre.flatten().numpy(), atol=MEAN_UNIT / 2
    )


def test_extreme_outputs_stay_on_the_coders_grid() -> None:
    raw = torch.full((1, outputs_per_latent(3), 4, 2, 2), 1e4, dtype=torch.float64)
    for sign in (1, -1):
        mixture = Mixture.from_raw(sign * raw, torch.zeros(1, 4, 1, 1, dtype=torch.float64))
        _, (parameters,) = mixture.to_integers()
        assert np.isfinite(float(mixture.likelihood(mixture.centre * 0).sum()))
        assert abs(parameters.means.astype(int)).max() == (32767 if sign > 0 else 32768)


def test_a_batchs_pictures_have_their_own_integers() -> None:
    raw = torch.randn(2, outputs_per_latent(2), 4, 2, 2, dtype=torch.float64)
    log_gain = torch.zeros(1, 4, 1, 1, dtype=torch.float64)
    centres, mixtures = Mixture.from_raw(raw, log_gain).to_integers()
    for picture in range(2):
        alone, (mixture,) = Mixture.from_raw(raw[picture : picture + 1], log_gain).to_integers()
        assert (alone[0] == centres[picture]).all()
        for name in ("logits", "means", "scales"):
            assert (getattr(mixture, name) == getattr(mixtures[picture], name)).all()
