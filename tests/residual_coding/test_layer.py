from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lic.residual_coding import CorruptLayerError, Layer, Settings, decode, encode

Pixels = NDArray[np.uint8]
LOSSY = Settings(16 * 14, 6, 25.0)
KINDS = (
    "noise",
    "flat",
    "few colours",
    "runs",
    "gradient",
    "clipped",
    "repeated",
    "gray",
    "extremes",
    "many colours",
)


def picture(kind: str, height: int, width: int, seed: int) -> Pixels:
    """A random picture of a kind."""
    random = np.random.default_rng(seed)
    shape = (height, width, 3)
    y, x = np.mgrid[:height, :width]
    noise = random.integers(0, 256, shape)
    drawn = {
        "noise": lambda: noise,
        "flat": lambda: np.broadcast_to(noise[:1, :1], shape),
        "few colours": lambda: (
            noise[0, :1].repeat(5, 0)[random.integers(0, 5, (height, width))]
            + random.integers(0, 2, shape)
        ),
        "runs": lambda: noise[y // 3, x // 5],
        "gradient": lambda: np.stack([x * 3 + y, x - y // 2, 255 - 2 * y], axis=2),
        "clipped": lambda: random.integers(-200, 456, shape),
        "repeated": lambda: noise[y % 7, x % 11],
        "gray": lambda: noise[:, :, :1].repeat(3, 2),
        "extremes": lambda: 255 * (noise & 1),
        "many colours": lambda: np.stack([x * 7 % 256, y * 5 % 256, x * y % 256], axis=2),
    }[kind]()
    return np.clip(drawn, 0, 255).astype(np.uint8)


def pictures(count: int) -> Iterator[Pixels]:
    """Pictures of all kinds and of random sizes, thin ones among them."""
    random = np.random.default_rng(count)
    for i in range(count):
        height, width = (int(v) for v in random.integers(1, 50, 2))
        if i % 5 == 0:
            height = 1
        elif i % 5 == 1:
            width = 1
        yield picture(KINDS[i % len(KINDS)], height, width, i)


def decoded(layer: Layer, base: Pixels | None = None) -> Pixels:
    return decode(layer.stream, base, layer.pixels.shape[:2])


def test_a_thousand_pictures_come_back_without_loss() -> None:
    for pixels in pictures(1000):
        layer = encode(pixels, None, Settings.within(0))
        assert layer.squared_error == 0
        assert (decoded(layer) == pixels).all()


@pytest.mark.parametrize("max_error", [1, 2, 7, 40, 127, 200, 255])
def test_no_sample_is_off_by_more_than_the_largest_error(max_error: int) -> None:
    for pixels in pictures(50):
        layer = encode(pixels, None, Settings.within(max_error))
        assert np.abs(layer.pixels.astype(int) - pixels).max() <= max_error
        assert (decoded(layer) == layer.pixels).all()


@pytest.mark.parametrize("step", [1, 40, 200, 700, 65535])
def test_the_decoder_shows_what_the_encoder_saw_with_and_without_a_network(step: int) -> None:
    asked = Settings(step, min(step // 40, 127), 0.13 * (step / 16) ** 2)
    for i, pixels in enumerate(pictures(60)):
        base = None if i % 2 else picture(KINDS[i // 2 % len(KINDS)], *pixels.shape[:2], i + 1)
        layer = encode(pixels, base, asked)
        assert (decoded(layer, base) == layer.pixels).all()
        difference = layer.pixels.astype(np.int64) - pixels
        assert layer.squared_error == np.square(difference).sum()


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300), st.integers(1, 40), st.integers(1, 40), st.booleans())
def test_any_bytes_are_a_picture_or_a_named_error(
    data: bytes, height: int, width: int, with_base: bool
) -> None:
    base = picture("runs", height, width, 0) if with_base else None
    with suppress(CorruptLayerError):
        assert decode(data, base, (height, width)).shape == (height, width, 3)


def test_damage_is_a_named_error() -> None:
    pixels = picture("few colours", 40, 40, 3)
    stream = encode(pixels, None, LOSSY).stream
    for place in range(0, len(stream), 7):
        damaged = bytearray(stream)
        damaged[place] ^= 16
        with pytest.raises(CorruptLayerError):
            decode(bytes(damaged), None, (40, 40))
    for wrong in (stream[:-1], stream + b"\x01", b"", stream[:2]):
        with pytest.raises(CorruptLayerError):
            decode(wrong, None, (40, 40))


def test_a_layer_on_top_of_another_picture_is_a_named_error() -> None:
    pixels = picture("noise", 48, 48, 0)
    base = np.clip(pixels.astype(int) + 40, 0, 255).astype(np.uint8)
    layer = encode(pixels, base, LOSSY)
    other = base.copy()
    other[20, 20] ^= 3
    for wrong in (other, None):
        with pytest.raises(CorruptLayerError, match="not those that were coded"):
            decode(layer.stream, wrong, (48, 48))


def test_a_bit_that_is_worth_more_gives_a_smaller_stream_and_a_worse_picture() -> None:
    pixels = picture("clipped", 64, 64, 1)
    layers = [
        encode(pixels, None, Settings(16 * step, step // 2, 0.13 * step**2))
        for step in (4, 12, 36, 108)
    ]
    sizes = [len(layer.stream) for layer in layers]
    errors = [layer.squared_error for layer in layers]
    assert sizes == sorted(sizes, reverse=True)
    assert errors == sorted(errors)


@pytest.mark.parametrize(
    ("kind", "limit"), [("flat", 25), ("repeated", 500), ("runs", 2700), ("gradient", 250)]
)
def test_what_repeats_costs_little(kind: str, limit: int) -> None:
    assert len(encode(picture(kind, 90, 120, 0), None, Settings.within(0)).stream) < limit


def test_a_stream_has_the_same_bytes_for_ever() -> None:
    digest = hashlib.sha256()
    for i, pixels in enumerate(pictures(30)):
        base = picture("runs", *pixels.shape[:2], i) if i % 3 == 0 else None
        for asked in (LOSSY, Settings.within(0), Settings.within(3)):
            digest.update(encode(pixels, base if asked is LOSSY else None, asked).stream)
    assert digest.hexdigest() == (
        "da8837224cc4c8d07f99a5ce20d4ea60968f31978ebd2cec805b797dfe514cee"
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"step": 0},
        {"step": 65536},
        {"bound": -1},
        {"bound": 128},
        {"bound": 3, "max_error": 2},
        {"max_error": 256},
        {"bit_worth": -1.0},
    ],
)
def test_settings_out_of_range_are_refused(fields: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must"):
        Settings(**{"step": 16, "bound": 0, "bit_worth": 1.0, **fields})  # type: ignore[arg-type]
