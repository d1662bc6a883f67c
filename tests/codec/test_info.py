from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lic import codec
from lic.codec.info import describe
from lic.codec.weights import load_weights

TINY = Path(__file__).parents[1] / "data" / "tiny.safetensors"


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 30),
    st.integers(1, 30),
    st.sampled_from([2, 5, 256]),
    st.sampled_from([0, 1, 2, 3, 63, 64, 127]),
    st.integers(0, 2**32 - 1),
)
def test_files_without_loss_say_so_and_others_of_as_many_colours_do_not(
    height: int, width: int, colours: int, max_error: int, seed: int
) -> None:
    picture = np.random.default_rng(seed).integers(0, colours, (height, width, 3), np.uint8)
    data = codec.encode(picture, weights=load_weights(TINY, "tiny"), max_error=max_error)
    facts = describe(codec.read_container(data, codec.MAX_PIXELS))
    assert facts["lossless"] == (max_error == 0)
    assert facts["quality"] is None


def test_a_quality_is_that_of_the_network_where_it_codes(budgie: NDArray[np.uint8]) -> None:
    data = codec.encode(budgie[200:300, 200:300], quality=70)
    facts = describe(codec.read_container(data, codec.MAX_PIXELS))
    assert (facts["quality"], facts["lossless"]) == (70, False)


@pytest.mark.parametrize("quality", [0, 50, 100])
def test_graphics_without_the_network_are_without_loss_where_they_come_back(quality: int) -> None:
    board = np.kron(np.indices((9, 9)).sum(axis=0) % 2, np.ones((8, 8))).astype(np.uint8)
    picture = np.dstack([200 * board, 30 * board, 255 - 90 * board])
    data = codec.encode(picture, quality)
    facts = describe(codec.read_container(data, codec.MAX_PIXELS))
    assert (facts["quality"], facts["lossless"]) == (None, True)
    assert np.array_equal(codec.decode(data), picture)
