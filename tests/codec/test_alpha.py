from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from lic.codec.alpha import pack_alpha, unpack_alpha, with_smooth_colours
from lic.codec.errors import CorruptFileError

PLANES = arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=20))


@given(PLANES)
def test_a_plane_comes_back_as_it_was(plane: NDArray[np.uint8]) -> None:
    assert np.array_equal(unpack_alpha(pack_alpha(plane), *plane.shape), plane)


@pytest.mark.parametrize(
    ("prediction", "differences"),
    [
        (0, [[1, 2, 4], [255, 2, 5]]),
        (1, [[1, 1, 2], [255, 3, 3]]),
        (2, [[1, 2, 4], [254, 0, 1]]),
    ],
)
def test_the_documented_bytes_are_understood(prediction: int, differences: list[list[int]]) -> None:
    payload = bytes([prediction]) + zlib.compress(bytes(np.ravel(differences).tolist()))
    assert unpack_alpha(payload, 2, 3).tolist() == [[1, 2, 4], [255, 2, 5]]


def test_the_prediction_that_suits_the_plane_is_taken() -> None:
    noise = np.random.default_rng(0).integers(0, 2, (50, 50), np.uint8) * 255
    assert pack_alpha(noise)[0] == 0
    slope = np.add.outer(np.random.default_rng(0).integers(0, 256, 99), np.arange(99))
    assert pack_alpha(slope.astype(np.uint8))[0] == 1
    assert pack_alpha(slope.T.astype(np.uint8))[0] == 2


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\x03" + zlib.compress(bytes(6)),
        b"\x00",
        b"\x00" + zlib.compress(bytes(6))[:-1],
        b"\x00" + zlib.compress(bytes(6)) + b"x",
        b"\x00" + zlib.compress(bytes(5)),
        b"\x00" + zlib.compress(bytes(7)),
        b"\x00" + zlib.compress(bytes(10**8)),
        b"\x00not compressed",
    ],
)
def test_a_payload_that_holds_no_such_plane_is_corrupt(payload: bytes) -> None:
    with pytest.raises(CorruptFileError):
        unpack_alpha(payload, 2, 3)


@given(PLANES)
def test_visible_colours_stay_and_invisible_ones_lie_between_them(
    alpha: NDArray[np.uint8],
) -> None:
    pixels = np.random.default_rng(0).integers(50, 60, (*alpha.shape, 3), np.uint8)
    pixels[alpha == 0] = 255
    smooth = with_smooth_colours(pixels, alpha)
    visible = alpha > 0
    assert np.array_equal(smooth[visible], pixels[visible])
    if visible.any():
        assert smooth.max() < 60


def test_invisible_pixels_take_the_colours_around_them() -> None:
    pixels = np.zeros((16, 16, 3), np.uint8)
    pixels[:, :8], pixels[:, 8:] = 10, 200
    alpha = np.full((16, 16), 255, np.uint8)
    alpha[4:12, 4:12] = 0
    hidden = np.where(alpha[:, :, None] == 0, np.uint8(99), pixels)
    row = with_smooth_colours(hidden, alpha)[8, :, 0].astype(int)
    assert (np.diff(row) >= 0).all()
    assert row[5] < 60
    assert row[10] > 150
