from __future__ import annotations

import contextlib
import io
import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from lic.evaluation.compressai_bridge import LicCompressionModel
from lic.models import PRESETS
from lic.models.mixture import Mixture


@pytest.fixture
def tiny(budgie: NDArray[np.uint8]) -> LicCompressionModel:
    from compressai.zoo import image_models

    torch.manual_seed(0)
    model = image_models["lic-tiny"](quality=6).eval()
    model.codec.initialise(torch.from_numpy(budgie).permute(2, 0, 1)[None])
    return model


def test_every_preset_is_in_compressais_registries() -> None:
    from compressai.registry import MODELS
    from compressai.zoo import image_models
    from compressai.zoo.image import model_architectures

    for preset in PRESETS:
        name = f"lic-{preset}"
        assert name in image_models
        assert name in model_architectures
        assert MODELS[name].preset == preset


def test_compressing_and_decompressing_agree_with_the_forward_pass(
    tiny: LicCompressionModel, budgie: NDArray[np.uint8]
) -> None:
    x = torch.from_numpy(budgie[:128, :256]).permute(2, 0, 1)[None].repeat(2, 1, 1, 1) / 255
    assert tiny.update(force=True)
    assert not tiny.update()
    out = tiny(x)
    packed = tiny.compress(x)
    again = tiny.decompress(packed["strings"], packed["shape"])
    assert (again["x_hat"] - out["x_hat"].clamp(0, 1)).abs().mean() < 0.5 / 255
    bits = 8 * sum(len(stream) for stream in packed["strings"][0])
    estimate = -sum(p.log2().sum().item() for p in out["likelihoods"].values())
    assert bits == pytest.approx(estimate, rel=0.01)
    assert tiny.aux_loss() == 0


def test_compressais_own_evaluation_runs(
    tiny: LicCompressionModel,
    budgie: NDArray[np.uint8],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "pictures").mkdir()
    Image.fromarray(budgie[:200, :180]).save(tmp_path / "pictures" / "a.png")
    checkpoint = tmp_path / "tiny.pth"
    torch.save(tiny.state_dict(), checkpoint)
    words = ["checkpoint", tmp_path / "pictures", "-a", "lic-tiny", "-p", checkpoint]
    monkeypatch.setattr(sys, "argv", ["eval", *map(str, words)])
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        runpy.run_module("lic.evaluation.compressai_bridge", run_name="__main__")
    results = json.loads(printed.getvalue())["results"]
    assert results["psnr-rgb"][0] > 15
    assert 0 < results["bpp"][0] < 5


def test_one_gaussians_likelihood_is_compressais() -> None:
    from compressai.entropy_models import GaussianConditional

    torch.manual_seed(0)
    raw = torch.randn(1, 2, 32, 8, 8)
    mixture = Mixture.from_raw(raw, torch.zeros(1, 32, 1, 1))
    residual = torch.randint(-3, 4, (1, 32, 8, 8)).float()
    theirs = GaussianConditional(None, scale_bound=0.11).eval()
    _, expected = theirs(residual, mixture.log_scales[:, 0].exp())
    np.testing.assert_allclose(mixture.likelihood(residual), expected, rtol=1e-3, atol=1e-6)
