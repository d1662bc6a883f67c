from __future__ import annotations

import json
from dataclasses import asdict

import pytest
import torch

from lic.models import create_model, create_preset, full_config
from lic.models.deployable import DeployableConfig
from lic.models.deployable.transforms import BlockShape


def test_a_stages_values_are_one_for_all_blocks_or_one_for_each() -> None:
    config = DeployableConfig(
        analysis_depth=2, analysis_kernels=(5,), analysis_expansions=(0.5, 2.0)
    )
    assert config.blocks("analysis") == (BlockShape(5, 0.5), BlockShape(5, 2.0))
    assert config.blocks("context") == (BlockShape(3, 2.0),)
    assert DeployableConfig(analysis_depth=0).blocks("analysis") == ()
    assert DeployableConfig(**json.loads(json.dumps(asdict(config)))) == config


@pytest.mark.parametrize(
    ("changes", "halo"),
    [
        ({}, 3),
        ({"analysis_depth": 6, "analysis_kernels": (5,)}, 7),
        ({"synthesis_latent_depth": 2, "synthesis_latent_kernels": (5, 7)}, 7),
        ({"synthesis_depth": 3, "synthesis_kernels": (3, 5, 3)}, 3),
    ],
)
def test_the_halo_is_how_far_the_transforms_see(changes: dict[str, object], halo: int) -> None:
    torch.manual_seed(0)
    small = {"width": 8, "latents": 8, "hyper": 4, "hyper_width": 4, "features": 4}
    model = create_model("deployable", {**small, "context_width": 4, **changes}).eval()
    assert model.halo == halo
    for parameter in (*model.analysis.parameters(), *model.synthesis.parameters()):
        torch.nn.init.normal_(parameter, std=0.5)
    quality = torch.tensor([0.5])
    far = 16 * (2 * halo + 3)
    x = torch.rand(1, 3, far, far)
    y = torch.rand(1, 8, 2 * halo + 3, 2 * halo + 3)
    inside = slice(halo + 1, halo + 2)
    with torch.no_grad():
        for transform, signal, unit, out in (
            (model.analysis, x, 16, 1),
            (model.synthesis, y, 1, 16),
        ):
            other = signal.clone()
            other[..., :unit, :] += 1
            other[..., -unit:, :] += 1
            window = slice(inside.start * out, inside.stop * out)
            one, two = (transform(s, quality)[..., window, :] for s in (signal, other))
            assert torch.equal(one, two)


def test_the_configuration_of_older_weights_is_understood() -> None:
    old = {"width": 32, "latents": 32, "latent_depth": 2, "expansion": 1.5}
    config = full_config(create_model("deployable", old))
    assert (config["analysis_latent_depth"], config["synthesis_latent_depth"]) == (2, 2)
    assert config["synthesis_expansions"] == config["analysis_latent_expansions"] == (1.5,)
    assert "latent_depth" not in config


def test_a_correction_starts_at_zero_and_reaches_the_picture() -> None:
    torch.manual_seed(0)
    plain, corrected = (
        create_model("deployable", {**full_config(create_preset("tiny")), "correction": on}).eval()
        for on in (False, True)
    )
    corrected.take_over(plain)
    x, quality = torch.rand(1, 3, 64, 64), torch.tensor([0.5])
    with torch.no_grad():
        before = corrected(x, quality)
        assert torch.equal(before["x_hat"], plain(x, quality)["x_hat"])
        torch.nn.init.ones_(corrected.entropy.corrector.bias)
        after = corrected(x, quality)
    assert not torch.equal(before["x_hat"], after["x_hat"])
    assert torch.equal(before["likelihoods"]["y"], after["likelihoods"]["y"])
