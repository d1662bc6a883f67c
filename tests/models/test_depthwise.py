from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from lic.models.depthwise import DepthwiseConvolution


@pytest.mark.parametrize("kernel", [3, 5])
def test_in_half_precision_values_and_gradients_are_those_of_torch(kernel: int) -> None:
    torch.manual_seed(0)
    ours = DepthwiseConvolution(6, kernel)
    theirs = nn.Conv2d(6, 6, kernel, padding=kernel // 2, groups=6)
    theirs.load_state_dict(ours.state_dict())
    picture, weight = torch.randn(2, 6, 9, 7), torch.randn(2, 6, 9, 7)

    def pass_through(layer: nn.Conv2d, half: bool) -> tuple[Tensor, ...]:
        x = picture.clone().requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            y = layer(x)
        gradients = torch.autograd.grad((y.float() * weight).sum(), (x, *layer.parameters()))
        return y, *gradients

    exact = pass_through(theirs, half=False)
    ours_half, theirs_half = pass_through(ours, half=True), pass_through(theirs, half=True)
    assert torch.equal(ours_half[0], theirs_half[0])
    for found, usual, wanted in zip(ours_half, theirs_half, exact, strict=True):
        assert found.dtype == usual.dtype
        assert found.shape == wanted.shape
        torch.testing.assert_close(found.float(), wanted, rtol=0.05, atol=0.1)
    # Sums of many products are exact here, where torch rounds their factors or the sum.
    assert (ours_half[3] - exact[3]).abs().max() <= (theirs_half[3] - exact[3]).abs().max()


def test_without_autocast_or_gradients_it_is_an_ordinary_convolution() -> None:
    layer = DepthwiseConvolution(4, 5)
    x = torch.randn(1, 4, 8, 8)
    wanted = torch.conv2d(x, layer.weight, layer.bias, padding=2, groups=4)
    assert torch.equal(layer(x), wanted)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert layer(x).dtype == torch.bfloat16
