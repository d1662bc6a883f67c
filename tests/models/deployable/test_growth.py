from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest
import torch

from lic.models import CodecModel, GrowthError, create_model, create_preset
from lic.training.losses import mean_squared_error, rate_distortion_loss

GROWTHS: dict[str, dict[str, Any]] = {
    "deeper analysis": {"analysis_depth": 3, "analysis_latent_depth": 2},
    "deeper synthesis": {"synthesis_depth": 3, "synthesis_latent_depth": 2},
    "deeper context": {"context_depth": 2},
    "larger kernels": {
        "analysis_kernels": (5,),
        "analysis_latent_kernels": (7,),
        "synthesis_kernels": (7,),
        "synthesis_latent_kernels": (5,),
        "context_kernels": (5,),
    },
    "kernels block by block": {"analysis_depth": 2, "analysis_kernels": (5, 3)},
    "wider branches": {"analysis_expansions": (1.5,), "context_expansions": (2.5,)},
    "more latents": {"latents": 48},
    "wider transforms": {"width": 40},
    "wider side information": {"hyper_width": 40, "features": 36},
    "wider context": {"context_width": 48},
    "correction": {"correction": True},
}
GROWTHS["all together"] = {
    key: value
    for changes in GROWTHS.values()
    for key, value in changes.items()
    if key != "analysis_depth"
} | {"analysis_depth": 2}


@pytest.fixture(scope="module")
def trained() -> CodecModel:
    """A small network in which every parameter has an effect."""
    torch.manual_seed(0)
    model = create_preset("tiny")
    model.initialise(torch.randint(0, 256, (8, 3, 64, 64), dtype=torch.uint8))
    for parameter in model.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.05)
    return model.eval()


def grown(source: CodecModel, changes: dict[str, Any]) -> CodecModel:
    torch.manual_seed(1)
    model = create_model("deployable", {**asdict(source.config), **changes})
    growth = model.take_over(source)
    assert growth.enlarged or growth.new
    return model


@pytest.mark.parametrize("changes", GROWTHS.values(), ids=GROWTHS)
def test_a_grown_network_computes_what_the_old_one_did(
    trained: CodecModel, changes: dict[str, Any]
) -> None:
    model = grown(trained, changes).eval()
    x = torch.rand(3, 3, 128, 128)
    quality = torch.tensor([0.0, 0.45, 1.0])
    with torch.no_grad():
        before, after = trained(x, quality), model(x, quality)
    torch.testing.assert_close(after["x_hat"], before["x_hat"], rtol=0, atol=2e-5)
    bits = [
        sum(-likelihood.double().log2().sum() for likelihood in out["likelihoods"].values())
        for out in (before, after)
    ]
    assert float(bits[1]) == pytest.approx(float(bits[0]), rel=1e-4)


@pytest.mark.parametrize("changes", GROWTHS.values(), ids=GROWTHS)
def test_what_is_new_learns(trained: CodecModel, changes: dict[str, Any]) -> None:
    model = grown(trained, changes).train()
    start = {name: value.clone() for name, value in model.state_dict().items()}
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    quality = torch.tensor([0.2, 1.0])
    for _ in range(12):
        x = torch.rand(2, 3, 64, 64)
        trade_off = model.lambda_at(quality)
        loss = rate_distortion_loss(model(x, quality), x, trade_off, mean_squared_error)[0]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    old = trained.state_dict()
    for name, value in model.state_dict().items():
        if value.ndim == 4 and (name not in old or value.shape != old[name].shape):
            moved = value != start[name]
            for part in (moved[start[name] == 0], moved[start[name] != 0]):
                assert part.float().mean().nan_to_num(1) > 0.6, f"{name} stays as it was"


def test_growth_tells_what_is_new(trained: CodecModel) -> None:
    model = create_model(
        "deployable", {**asdict(trained.config), "analysis_depth": 3, "synthesis_kernels": (5,)}
    )
    growth = model.take_over(trained)
    assert growth.enlarged == ("synthesis.blocks.0.spatial.weight",)
    assert growth.summary().endswith("1 enlarged; new: analysis.blocks.1, analysis.blocks.2")
    assert "new: none" in create_preset("tiny").take_over(trained).summary()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"latents": 16}, "would become smaller"),
        ({"width": 16}, "would become smaller"),
        ({"analysis_depth": 0}, "no place for analysis.blocks.0"),
        ({"hyper": 20}, "hyper cannot change; the old network has 16"),
        ({"levels": 4}, "levels cannot change"),
        ({"components": 2}, "components cannot change"),
        ({"lambda_max": 0.2}, "lambda_max cannot change"),
    ],
)
def test_what_cannot_be_taken_over_is_a_named_error(
    trained: CodecModel, changes: dict[str, Any], message: str
) -> None:
    model = create_model("deployable", {**asdict(trained.config), **changes})
    with pytest.raises(GrowthError, match=message):
        model.take_over(trained)


def test_a_smaller_kernel_and_another_family_are_named_errors(trained: CodecModel) -> None:
    large = create_model("deployable", {**asdict(trained.config), "synthesis_kernels": (5,)})
    with pytest.raises(GrowthError, match=r"synthesis.blocks.0.spatial.weight would become"):
        create_preset("tiny").take_over(large)
    with pytest.raises(GrowthError, match="another family"):
        trained.take_over(create_preset("mlicv2-tiny"))
    with pytest.raises(GrowthError, match="cannot be grown"):
        create_preset("mlicv2-tiny").take_over(trained)
