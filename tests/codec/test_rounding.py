"""Symbols give way to smaller ones where that saves bits, and never to others."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lic.codec.rounding import ALONE, REFINED, chosen_symbols
from lic.entropy_coding import MixtureParameters


def mixtures(count: int, scale: float) -> MixtureParameters:
    """Gaussians around 0."""
    ones = np.ones((1, count))
    return MixtureParameters.from_real(weights=ones, means=0 * ones, scales=scale * ones)


@given(
    st.lists(st.integers(-(2**36), 2**36), min_size=1, max_size=50),
    st.floats(0.1, 60),
    st.sampled_from([ALONE, REFINED]),
)
def test_a_symbol_is_the_nearest_or_the_next_one_towards_zero(
    distances: list[int], scale: float, price: int
) -> None:
    residuals = np.array(distances, np.int64)
    symbols = chosen_symbols(residuals, mixtures(len(distances), scale), price).astype(np.int64)
    nearest = ((residuals + 32) // 64).clip(-(2**31) + 1, 2**31 - 1)
    assert ((symbols == nearest) | (symbols == nearest - np.sign(nearest))).all()
    moved = symbols != nearest
    assert (np.abs(residuals)[moved] - 64 * np.abs(nearest)[moved] <= -32 + 72 // price).all()


def test_improbable_symbols_give_way_and_probable_ones_do_not() -> None:
    residuals = np.array([33, 36, 45, 60, -33, -36, -45, -60])
    assert chosen_symbols(residuals, mixtures(8, 0.17)).tolist() == [0, 0, 1, 1, 0, 0, -1, -1]
    assert chosen_symbols(residuals, mixtures(8, 30.0)).tolist() == [1, 1, 1, 1, -1, -1, -1, -1]


def test_no_symbol_gives_way_to_one_that_is_less_probable() -> None:
    residuals = np.full(30, 33)
    ones = np.ones((1, 30))
    beyond = MixtureParameters.from_real(weights=ones, means=3 * ones, scales=0.5 * ones)
    assert (chosen_symbols(residuals, beyond) == 1).all()


def test_at_a_lower_price_more_symbols_give_way() -> None:
    residuals = np.array([33, 36, 39, 42, 50])
    assert chosen_symbols(residuals, mixtures(5, 0.25)).tolist() == [0, 1, 1, 1, 1]
    assert chosen_symbols(residuals, mixtures(5, 0.25), REFINED).tolist() == [0, 0, 0, 0, 1]
