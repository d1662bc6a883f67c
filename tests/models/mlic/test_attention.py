from __future__ import annotations

import pytest
import torch

from lic.models.mlic.attention import ChannelReweighting, Rotary, linear_attention
from lic.models.mlic.checkerboard import coordinates


def test_products_of_turned_vectors_depend_on_their_distance_alone() -> None:
    torch.manual_seed(0)
    rotary = Rotary(8).double()
    place = coordinates(5, 7, torch.zeros(1, dtype=torch.float64)).flatten(1)
    x = torch.randn(1, 1, 8, 1, dtype=torch.float64).expand(-1, -1, -1, 35)
    turned, shifted = rotary(x, place), rotary(x, place + 100)
    products = turned.transpose(2, 3) @ turned
    torch.testing.assert_close(products, shifted.transpose(2, 3) @ shifted)
    assert products[0, 0, 0, 1:].sub(products[0, 0, 0, 0]).abs().min() > 1e-6


def test_rotary_positions_need_pairs_of_channels() -> None:
    with pytest.raises(ValueError, match="even number"):
        Rotary(3)


def test_linear_attention_is_attention_with_a_product_of_two_softmaxes() -> None:
    torch.manual_seed(0)
    query, key, value = torch.randn(3, 2, 4, 8, 10).unbind()
    place = torch.zeros(2, 10)
    out = linear_attention(query, key, value, None, place, place)
    weights = query.softmax(2).transpose(2, 3) @ key.softmax(3)
    torch.testing.assert_close(weights.sum(3), torch.ones(2, 4, 10))
    torch.testing.assert_close(out, value @ weights.transpose(2, 3))


def test_reweighting_starts_as_the_identity() -> None:
    x = torch.randn(2, 8, 4, 6)
    assert torch.equal(ChannelReweighting(8)(x), x)
