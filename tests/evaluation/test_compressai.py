"""CompressAI as an independent check of our likelihoods."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
import torch

from lic.models.mixture import Mixture


@pytest.fixture(scope="module")
def compressai_entropy_models() -> ModuleType:
    """CompressAI's entropy models, imported beside a CPU build of torch.

    CompressAI imports torchvision, whose build on PyPI declares two of its operators only in a
    compiled library that a CPU torch cannot load, and then fails to import. Declared here first,
    they satisfy it; nothing in CompressAI calls them.
    """
    schema = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
    for name in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, name):
            torch.library.define(f"torchvision::{name}", schema)
    from compressai import entropy_models

    return entropy_models


def test_one_gaussians_likelihood_is_compressais(compressai_entropy_models: ModuleType) -> None:
    torch.manual_seed(0)
    raw = torch.randn(1, 2, 32, 8, 8)
    mixture = Mixture.from_raw(raw, torch.zeros(1, 32, 1, 1))
    residual = torch.randint(-3, 4, (1, 32, 8, 8)).float()
    theirs = compressai_entropy_models.GaussianConditional(None, scale_bound=0.11).eval()
    scales = mixture.log_scales[:, 0].exp()
    expected = theirs._likelihood(residual, scales)
    np.testing.assert_allclose(mixture.likelihood(residual), expected, rtol=1e-3, atol=1e-6)
