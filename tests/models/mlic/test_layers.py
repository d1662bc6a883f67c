"""What the layers of MLICv2's networks do to shapes, to values, and at their start."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from lic.models.mixture import Mixture
from lic.models.mlic import heads, layers, transforms

B, C, H, W = 2, 8, 8, 12
WIDTHS = (6, 8, 10)
QUALITY = torch.tensor([0.0, 1.0])


def randomised(module: nn.Module) -> nn.Module:
    """The module without the zeros that its residual branches start from."""
    for parameter in module.parameters():
        if not parameter.any():
            nn.init.normal_(parameter, std=0.1)
    return module


@pytest.mark.parametrize(
    ("module", "shape"),
    [
        (layers.ChannelNorm(C), (B, C, H, W)),
        (layers.DivisiveNorm(C), (B, C, H, W)),
        (layers.Gate(C, 0.75), (B, C, H, W)),
        (layers.DepthResidual(C), (B, C, H, W)),
        (layers.SimpleTokenMixing(C, 0.75), (B, C, H, W)),
        (layers.ResidualBlock(C), (B, C, H, W)),
        (layers.ResidualPerceptron(C), (B, C, H, W)),
        (layers.SubPixel(C, 5), (B, 5, 2 * H, 2 * W)),
        (transforms.StrideBlock(C, 5), (B, 5, H // 2, W // 2)),
        (transforms.UpsampleBlock(C, 5), (B, 5, 2 * H, 2 * W)),
        (heads.ParameterHead(C, 4, 8, 0.5), (B, 8, 4, H, W)),
        (heads.ResidualPrediction(C, 4, 0.5), (B, 4, H, W)),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_layers_give_the_shapes_they_tell(module: nn.Module, shape: tuple[int, ...]) -> None:
    assert randomised(module)(torch.randn(B, C, H, W)).shape == shape


@pytest.mark.parametrize("expansion", [0.0, 0.75])
def test_transforms_give_the_shapes_they_tell(expansion: float) -> None:
    analysis = transforms.Analysis(WIDTHS, 16, expansion, 2)
    synthesis = transforms.Synthesis(WIDTHS, 16, expansion, 2)
    x = torch.rand(B, 3, 64, 128)
    y = analysis(x, QUALITY)
    assert y.shape == (B, 16, 4, 8)
    assert synthesis(y, QUALITY).shape == x.shape
    z = transforms.HyperAnalysis(16, 6, 2)(y, QUALITY)
    assert z.shape == (B, 6, 1, 2)
    assert transforms.HyperSynthesis(6, 16, 2)(z, QUALITY).shape == (B, 32, 4, 8)


@pytest.mark.parametrize(
    "block", [layers.SimpleTokenMixing(C, 0.75), layers.ResidualBlock(C), layers.DepthResidual(C)]
)
def test_a_block_sees_as_far_as_it_tells_and_no_further(block: nn.Module) -> None:
    torch.manual_seed(0)
    randomised(block)
    x = torch.randn(1, C, 17, 17, requires_grad=True)
    block(x)[0, :, 8, 8].sum().backward()
    assert x.grad is not None
    rows = x.grad[0].abs().sum(0).nonzero()
    reach = getattr(block, "reach", 1)
    assert rows.min() == 8 - reach
    assert rows.max() == 8 + reach


def test_divisive_normalisation_divides_and_its_inverse_multiplies() -> None:
    x = torch.randn(B, C, 2, 2)
    pool = (1 + 0.1 * x.square()).sqrt()  # the start: beta 1, gamma a tenth of the identity
    torch.testing.assert_close(layers.DivisiveNorm(C)(x), x / pool)
    torch.testing.assert_close(layers.DivisiveNorm(C, inverse=True)(x), x * pool)


def test_channel_norm_normalises_the_channels_of_each_position() -> None:
    out = layers.ChannelNorm(C)(5 + 3 * torch.randn(B, C, H, W))
    torch.testing.assert_close(out.mean(1), torch.zeros(B, H, W), atol=1e-5, rtol=0)
    torch.testing.assert_close(out.var(1, correction=0), torch.ones(B, H, W), atol=1e-3, rtol=0)


def test_a_predicted_residual_is_less_than_half_a_step() -> None:
    module = heads.ResidualPrediction(C, 4, 1.0)
    nn.init.normal_(module.body[-1].weight, std=100)
    out = module(torch.randn(B, C, H, W))
    assert 0.49 < out.abs().max() <= 0.5


def test_the_selection_does_not_train_what_it_looks_at() -> None:
    raw = torch.randn(B, 2, 4, H, W, requires_grad=True)
    mixture = Mixture.from_raw(raw, torch.zeros(B, 4, 1, 1))
    known = torch.randn(B, C, H, W, requires_grad=True)
    predictor = heads.SelectionPredictor(C, 4)
    logits: Tensor = predictor(mixture, known)
    assert logits.shape == (B, 4, H, W)
    logits.sum().backward()
    assert raw.grad is None
    assert known.grad is None
    predictor.last.weight.data.normal_()
    predictor.reset()
    assert predictor(mixture, known).unique().numel() == 1
