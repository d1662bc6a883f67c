"""Tests that every registered preset passes: a new model is tested by being registered."""

from __future__ import annotations

import pytest
import torch

from lic.models import (
    PRESETS,
    UnknownModelError,
    create_model,
    create_preset,
    full_config,
    model_names,
)
from lic.models.complexity import kmac_per_pixel, parameter_count

with torch.device("meta"):
    SMALL = [name for name in PRESETS if parameter_count(create_preset(name)) < 6e6]


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("training", [True, False])
def test_a_pass_gives_a_picture_and_probabilities(name: str, training: bool) -> None:
    torch.manual_seed(0)
    model = create_preset(name).train(training)
    x = torch.rand(2, 3, model.side_stride, 2 * model.side_stride)
    out = model(x, torch.tensor([0.0, 1.0]))
    assert out["x_hat"].shape == x.shape
    for likelihood in (out["likelihoods"]["y"], out["likelihoods"]["z"]):
        assert likelihood.shape[0] == 2
        assert ((likelihood > 0) & (likelihood <= 1 + 1e-6)).all()
    assert out["likelihoods"]["y"][0].numel() == (
        model.config.latents * x[0, 0].numel() // model.latent_stride**2
    )


@pytest.mark.parametrize("name", SMALL)
def test_every_parameter_gets_a_gradient(name: str) -> None:
    torch.manual_seed(0)
    model = create_preset(name)
    model.initialise(torch.randint(0, 256, (8, 3, 64, 64), dtype=torch.uint8))
    for parameter in model.parameters():
        if not parameter.any():  # leave the identity that residual branches start from
            torch.nn.init.normal_(parameter, std=0.05)
    levels = torch.linspace(0, 1, model.config.levels)
    # Far beyond a picture's range, so that the side information does not round to zero.
    x = 30 * torch.rand(len(levels), 3, model.side_stride, model.side_stride)
    out = model(x, levels)
    rate = -out["likelihoods"]["y"].log().sum() - out["likelihoods"]["z"].log().sum()
    loss = out["x_hat"].square().sum() + rate
    own = [stage.objective(model, x, levels) for stage in model.stages if stage.objective]
    torch.stack([loss, *own]).sum().backward()
    without = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


@pytest.mark.parametrize("name", SMALL)
def test_a_higher_quality_has_a_larger_lambda(name: str) -> None:
    trade_off = create_preset(name).lambda_at(torch.linspace(0, 1, 5))
    assert (trade_off.diff() > 0).all()


@pytest.mark.parametrize("name", PRESETS)
def test_a_configuration_makes_the_same_model_again(name: str) -> None:
    with torch.device("meta"):
        preset = PRESETS[name]
        assert preset.model in model_names()
        first = create_preset(name)
        second = create_model(preset.model, full_config(first))
    assert full_config(second) == full_config(first)
    assert {k: v.shape for k, v in second.state_dict().items()} == {
        k: v.shape for k, v in first.state_dict().items()
    }


@pytest.mark.parametrize(
    ("name", "parameters", "decode"),
    [
        ("small", (2e6, 5.1e6), (12, 20)),
        ("base", (8e6, 9e6), (18, 24)),
        ("medium", (8e6, 10e6), (50, 65)),
        ("mlicv2", (0.97 * 84.3e6, 1.03 * 84.3e6), (500, 800)),
    ],
)
def test_presets_have_the_size_that_they_promise(
    name: str, parameters: tuple[float, float], decode: tuple[float, float]
) -> None:
    with torch.device("meta"):
        model = create_preset(name)
    assert parameters[0] < parameter_count(model) < parameters[1]
    costs = kmac_per_pixel(model)
    assert decode[0] < costs["decode"] < decode[1]
    assert name != "base" or costs["encode"] < 40


def test_the_cost_of_the_parts_is_that_of_the_whole() -> None:
    counts = kmac_per_pixel(create_preset("mlicv2-tiny"), side=64)
    inner = sum(count for part, count in counts.items() if part.startswith("entropy."))
    assert inner == pytest.approx(counts["entropy"])
    assert counts["encode"] + counts["decode"] == pytest.approx(
        sum(counts[part] for part in ("analysis", "hyper_analysis", "synthesis"))
        + 2 * counts["entropy"]
    )


@pytest.mark.parametrize("name", SMALL)
def test_each_stage_reaches_its_own_parameters_and_all_are_learned(name: str) -> None:
    torch.manual_seed(0)
    model = create_preset(name)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    x, quality = torch.rand(1, 3, model.side_stride, model.side_stride), torch.tensor([0.5])
    seen: set[str] = set()
    for stage in model.stages:
        own = {names[id(parameter)] for parameter in stage.parameters(model)}
        model.zero_grad(set_to_none=True)
        for parameter in model.parameters():
            parameter.requires_grad_(names[id(parameter)] in own)
        model.train(not stage.rounded)
        if stage.objective is not None:
            stage.objective(model, x, quality).backward()
        else:
            out = model(x, quality)
            (out["x_hat"].sum() + sum(p.sum() for p in out["likelihoods"].values())).backward()
        assert model.training != stage.rounded
        assert {name for name, p in model.named_parameters() if p.grad is not None} == own
        seen |= own
    assert seen == set(names.values())


def test_unknown_names_and_settings_are_named_errors() -> None:
    with pytest.raises(UnknownModelError, match="no preset 'huge'"):
        create_preset("huge")
    with pytest.raises(UnknownModelError, match="no model 'huge'"):
        create_model("huge", {})
    with pytest.raises(UnknownModelError, match="depth_of_field"):
        create_model("deployable", {"depth_of_field": 1})
    with pytest.raises(UnknownModelError, match="multiple of 4"):
        create_model("mlicv2", {"latents": 30})
