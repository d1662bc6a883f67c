import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lic.residual_coding import CorruptLayerError, Settings, decode, encode, reference
from lic.residual_coding.reference_bits import exact_squash, exact_stretch

_RANDOM = np.random.default_rng(0)
_Y, _X = np.mgrid[:33, :37]
_GRADIENT = np.stack([6 * _X, 7 * _Y, _X + _Y], axis=2)


def _noisy(values: np.ndarray, size: int) -> np.ndarray:
    noise = _RANDOM.integers(-size, size + 1, values.shape)
    return np.clip(values + noise, 0, 255).astype(np.uint8)


PICTURES = {
    "noise": _noisy(_GRADIENT, 255),
    "gradient": _GRADIENT.astype(np.uint8),
    "smooth": _noisy(_GRADIENT, 3),
    "clipped": _noisy(2 * _GRADIENT - 100, 40),
    "text": np.where(_RANDOM.random((33, 37, 1)) < 0.2, [10, 20, 30], [250, 255, 255]).astype(
        np.uint8
    ),
    "pixel": np.full((1, 1, 3), 77, np.uint8),
    "row": _noisy(np.full((1, 40, 3), 100), 20),
}
AIMS = [Settings.within(0), Settings.within(2), Settings(64, 1, 40.0), Settings(400, 3, 800.0)]


@pytest.mark.parametrize("aim", AIMS)
@pytest.mark.parametrize("with_base", [False, True])
@pytest.mark.parametrize("name", PICTURES)
def test_the_reference_decodes_what_is_encoded(name: str, with_base: bool, aim: Settings) -> None:
    picture = PICTURES[name]
    base = _noisy(picture.astype(np.int64) + 5, 4) if with_base else None
    layer = encode(picture, base, aim)
    pixels = reference.decode(layer.stream, base, picture.shape[:2])
    np.testing.assert_array_equal(pixels, layer.pixels)


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=60), st.integers(1, 35), st.integers(1, 35), st.booleans())
def test_both_decoders_agree_on_any_bytes(
    data: bytes, height: int, width: int, with_base: bool
) -> None:
    base = _noisy(np.full((height, width, 3), 90), 30) if with_base else None
    try:
        pixels = reference.decode_tile(data, base, (height, width))
    except CorruptLayerError:
        with pytest.raises(CorruptLayerError):
            decode(data + b"abc", base, (height, width))
        return
    stream = data + zlib.crc32(pixels.tobytes()).to_bytes(4, "little")[:3]
    np.testing.assert_array_equal(decode(stream, base, (height, width)), pixels)


def test_no_entry_of_the_tables_lies_near_a_rounding_boundary() -> None:
    exact = [exact_squash(x) for x in range(-2047, 2048) if x]
    exact += [exact_stretch(i) for i in range(4096)]
    assert min(abs(value % 1 - 0.5) for value in exact) > 1e-6
