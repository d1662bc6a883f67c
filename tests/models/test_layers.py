from __future__ import annotations

import pytest
import torch

from lic.models.layers import Down, QualityGain, TokenMixing, Up, lower_bound, round_ste


@pytest.mark.parametrize("gated", [True, False])
def test_a_block_starts_as_the_identity(gated: bool) -> None:
    x = torch.randn(2, 8, 5, 7)
    assert torch.equal(TokenMixing(8, 1.5, gated)(x), x)


def test_down_and_up_change_the_resolution() -> None:
    x = torch.randn(1, 4, 8, 16)
    assert Down(4, 6, 2)(x).shape == (1, 6, 4, 8)
    assert Up(4, 6, 2)(x).shape == (1, 6, 16, 32)


def test_gains_between_levels_are_geometric_means() -> None:
    gain = QualityGain(3, 2)
    with torch.no_grad():
        gain.log_gain.copy_(torch.tensor([[0.0, 1.0], [2.0, 3.0], [4.0, 1.0]]))
    logs = gain.log(torch.tensor([0.0, 0.25, 0.5, 1.0]))[:, :, 0, 0]
    assert logs.tolist() == [[0, 1], [1, 2], [2, 3], [4, 1]]
    assert torch.equal(gain(torch.tensor([0.25])), gain.log(torch.tensor([0.25])).exp())


def test_rounding_passes_gradients() -> None:
    x = torch.tensor([0.4, 0.6], requires_grad=True)
    round_ste(x).sum().backward()
    assert round_ste(x).tolist() == [0, 1]
    assert x.grad is not None
    assert x.grad.tolist() == [1, 1]


def test_a_lower_bound_lets_gradients_lift_what_is_below() -> None:
    for sign, expected in ((1, 0), (-1, -1)):
        x = torch.tensor([-2.0], requires_grad=True)
        (sign * lower_bound(x, 1.0)).sum().backward()
        assert x.grad is not None
        assert x.grad.item() == expected
