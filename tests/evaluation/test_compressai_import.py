"""CompressAI as an independent check of our likelihoods."""

from __future__ import annotations

import numpy as np
import torch

from lic.evaluation.compressai_import import import_compressai
from lic.models.mixture import Mixture


def test_one_gaussians_likelihood_is_compressais() -> None:
    import_compressai()
    from compressai.entropy_models import GaussianConditional

    torch.manual_seed(0)
    raw = torch.randn(1, 2, 32, 8, 8)
    mixture = Mixture.from_raw(raw, torch.zeros(1, 32, 1, 1))
    residual = torch.randint(-3, 4, (1, 32, 8, 8)).float()
    theirs = GaussianConditional(None, scale_bound=0.11).eval()
    scales = mixture.log_scales[:, 0].exp()
    expected = theirs._likelihood(residual, scales)
    np.testing.assert_allclose(mixture.likelihood(residual), expected, rtol=1e-3, atol=1e-6)
