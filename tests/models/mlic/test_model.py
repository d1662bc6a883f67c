"""The codec as a whole: its modules can be left out one by one, and its selection skips."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lic.codec.executors import Latents
from lic.codec.executors.torch import FloatExecutor
from lic.codec.latent_coding import decode_latents, encode_latents
from lic.models import PRESETS, CodecModel, UnknownModelError, create_model
from lic.models.complexity import parameter_count
from lic.models.mlic import MlicConfig
from lic.models.mlic.stages import SELECTION

TINY = PRESETS["mlicv2-tiny"].config
MODULES = [field.name for field in fields(MlicConfig) if field.type == "bool"]
HALF = 5000


def awake(**config: object) -> CodecModel:
    torch.manual_seed(0)
    model = create_model("mlicv2", TINY | config).eval()
    for parameter in model.parameters():
        if not parameter.any():
            nn.init.normal_(parameter, std=0.1)
    model.side.freeze()
    return model


def coded(model: CodecModel, y: Tensor) -> tuple[bytes, Latents, Latents]:
    """A stream of latents, and what the encoder and the decoder take them for."""
    executor = FloatExecutor(model)
    targets = executor.targets(y.permute(0, 2, 3, 1).numpy(), HALF)
    side = np.zeros((1, y.shape[2] // 4, y.shape[3] // 4, model.config.hyper), np.int32)
    streams, sent = encode_latents(executor, targets, side, HALF, 0)
    return streams[0], sent, decode_latents(executor, streams, side.shape[1:3], HALF, 0)


@pytest.mark.parametrize("module", MODULES)
def test_each_module_can_be_left_out(module: str) -> None:
    model, full = awake(**{module: False}), awake()
    if module != "token_mixing":  # convolutions in its place are larger
        assert parameter_count(model) < parameter_count(full)
    y = 3 * torch.randn(1, 16, 4, 8)
    _, sent, received = coded(model, y)
    assert (sent == received).all()
    with torch.no_grad():
        x = torch.rand(1, 3, 64, 64)
        assert model.float()(x, torch.tensor([0.5]))["x_hat"].shape == x.shape


@pytest.mark.parametrize("components", [1, 2, 4])
def test_any_number_of_gaussians_codes_and_decodes(components: int) -> None:
    _, sent, received = coded(awake(components=components), 3 * torch.randn(1, 16, 4, 8))
    assert (sent == received).all()


@pytest.mark.parametrize(
    "change", [{"slices": 0}, {"slices": 3}, {"components": 5}, {"head_width": 0}, {"levels": 0}]
)
def test_sizes_that_make_no_network_are_named_errors(change: dict[str, int]) -> None:
    with pytest.raises(UnknownModelError, match="mlicv2"):
        create_model("mlicv2", TINY | change)


def test_without_what_is_new_it_has_the_size_of_mlic_plus_plus() -> None:
    new = ("token_mixing", "hyperprior_guided", "reweighting", "rotary", "selective")
    with torch.device("meta"):
        model = create_model("mlicv2", dict.fromkeys(new, False) | {"levels": 1})
    assert parameter_count(model) == pytest.approx(83.5e6, rel=0.005)


def test_one_lambda_is_a_configuration() -> None:
    model = awake(levels=1, lambda_min=0.013, lambda_max=0.013)
    quality = torch.tensor([0.0, 0.7])
    assert model.lambda_at(quality).tolist() == pytest.approx([0.013, 0.013])
    with torch.no_grad():
        out = model(torch.rand(1, 3, 64, 64).expand(2, -1, -1, -1), quality)
    assert torch.equal(out["x_hat"][0], out["x_hat"][1])


def test_an_untrained_selection_codes_every_latent() -> None:
    y = 3 * torch.randn(1, 16, 4, 8)
    with_it = awake()
    nn.init.zeros_(with_it.entropy.selection[0].last.weight)
    nn.init.zeros_(with_it.entropy.selection[1].last.weight)
    without = awake(selective=False)
    state = {k: v for k, v in with_it.state_dict().items() if "selection" not in k}
    without.load_state_dict(state)
    without.side.freeze()
    assert coded(with_it, y)[0] == coded(without, y)[0]


def test_latents_that_are_not_selected_cost_nothing_and_decode_to_their_centres() -> None:
    y = 3 * torch.randn(1, 16, 4, 8)
    model = awake()
    full, _, _ = coded(model, y)
    for predictor in model.entropy.selection:
        nn.init.normal_(predictor.last.weight, std=30)
        nn.init.zeros_(predictor.last.bias)
    some, sent, received = coded(model, y)
    assert (sent == received).all()
    assert len(some) < 0.8 * len(full)
    for predictor in model.entropy.selection:
        nn.init.zeros_(predictor.last.weight)
        nn.init.constant_(predictor.last.bias, -9)
    none, sent, _ = coded(model, y)
    other, again, _ = coded(model, y + 5)
    assert none == other
    assert (sent == again).all()


def test_the_selections_stage_teaches_it_what_is_zero() -> None:
    model = awake()
    model.initialise(torch.randint(0, 256, (4, 3, 64, 64), dtype=torch.uint8))
    x, quality = torch.rand(2, 3, 64, 64), torch.tensor([0.0, 1.0])
    optimizer = torch.optim.Adam(SELECTION.parameters(model), lr=3e-2)
    assert SELECTION.objective is not None
    losses = []
    for _ in range(12):
        loss = SELECTION.objective(model, x, quality)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]
