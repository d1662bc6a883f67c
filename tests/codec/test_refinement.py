"""Latents that are corrected by what is shown cost less, by rate and distortion."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from lic import codec
from lic.codec.coding import REFINEMENTS, encode_picture
from lic.codec.layering import bit_worth
from lic.codec.refinement import response_of
from lic.codec.weights import Weights, resolve

Pixels = NDArray[np.uint8]

pytestmark = pytest.mark.usefixtures("network_alone")


def cost(data: bytes, pixels: Pixels, quality: float, weights: Weights) -> float:
    """R + lambda D of a file, in bits."""
    error = np.square(codec.decode(data, weights).astype(int) - pixels).sum()
    return 8 * len(data) + float(error) / bit_worth(round(100 * quality))


@pytest.mark.parametrize("quality", [10, 50, 80])
def test_a_pass_lowers_a_pictures_cost_and_more_passes_lower_it_further(
    budgie: Pixels, quality: float
) -> None:
    weights = resolve(codec.DEFAULT_WEIGHTS)
    pixels = budgie[150:342, 150:342]
    costs = [
        cost(codec.encode(pixels, quality, effort=effort), pixels, quality, weights)
        for effort in (0, 1, 2)
    ]
    assert costs[1] < 0.995 * costs[0]
    assert costs[2] <= costs[1]


@pytest.mark.parametrize("quality", [10, 80])
def test_a_network_that_gains_nothing_loses_nothing(
    tiny_weights: Weights, budgie: Pixels, quality: float
) -> None:
    pixels = budgie[150:278, 150:278]
    before, after = (
        cost(codec.encode(pixels, quality, tiny_weights, effort), pixels, quality, tiny_weights)
        for effort in (0, 1)
    )
    assert after <= before


def test_tiles_are_refined_as_the_whole_is(budgie: Pixels) -> None:
    weights = resolve(codec.DEFAULT_WEIGHTS)
    pixels = budgie[150:342, 150:342]
    whole, tiled = (
        cost(encode_picture(pixels, 60, weights, tile, effort=1), pixels, 60, weights)
        for tile in (1024, 64)
    )
    plain = cost(encode_picture(pixels, 60, weights, 64, effort=0), pixels, 60, weights)
    assert tiled < plain
    assert tiled < 1.2 * whole


def test_progress_counts_every_pass(budgie: Pixels) -> None:
    seen: list[tuple[int, int]] = []
    weights = resolve(codec.DEFAULT_WEIGHTS)
    encode_picture(
        budgie[:128, :64],
        50,
        weights,
        64,
        effort=2,
        report=lambda done, total: seen.append((done, total)),
    )
    count = 2 * (1 + REFINEMENTS[2])
    assert seen == [(done, count) for done in range(1, count + 1)]


def test_a_response_is_the_share_of_its_own_error_that_a_channel_shows() -> None:
    generator = np.random.default_rng(1)
    errors = generator.integers(-32, 33, (96, 64, 4)).astype(np.int8)
    others = generator.integers(-32, 33, errors.shape)
    shares = np.array([0.2, 0.5, 0.9, 1.4])
    found = response_of((np.rint(shares * errors) + others).astype(np.int16), errors)
    assert np.allclose(found / 256, [0.2, 0.5, 0.9, 1], atol=0.03)


def test_few_latents_have_nearly_the_response_of_all_channels() -> None:
    errors = np.full((1, 1, 100), 30, np.int8)
    lack = np.full(errors.shape, 15, np.int16)
    lack[..., 0] = -30
    found = response_of(lack, errors) / 256
    assert np.allclose(found[1:], 0.49, atol=0.02)
    assert 0.4 < found[0] < found[1]


def test_without_errors_there_is_no_response() -> None:
    nothing = np.zeros((4, 4, 8), np.int8)
    assert not response_of(nothing + np.int16(5), nothing).any()
