from __future__ import annotations

import zlib
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from lic import codec
from lic.codec.coding import encode_picture
from lic.codec.container import Container, WeightsReference, read_container
from lic.codec.errors import CorruptFileError, PictureError
from lic.codec.layering import bit_worth, choose, layer_settings
from lic.codec.pixels import psnr_of
from lic.codec.weights import Weights, resolve

Pixels = NDArray[np.uint8]
LIMIT = 2**28
SATURATED = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0]], np.uint8)


@pytest.fixture(scope="module")
def weights() -> Weights:
    return resolve(codec.DEFAULT_WEIGHTS)


def mosaic(height: int, width: int, side: int) -> Pixels:
    """Tiles of saturated colours."""
    chosen = np.random.default_rng(side).integers(0, 4, (height // side + 1, width // side + 1))
    return SATURATED[chosen].repeat(side, 0).repeat(side, 1)[:height, :width]


def read(data: bytes) -> Container:
    return read_container(data, LIMIT)


def psnr(a: Pixels, b: Pixels) -> float:
    return psnr_of(float(np.square(a.astype(float) - b).mean()))


@pytest.mark.parametrize("quality", [5, 40, 75])
def test_a_photograph_is_left_to_the_network(
    quality: float, weights: Weights, budgie: Pixels
) -> None:
    container = read(codec.encode(budgie, quality, weights))
    assert all(container.streams)
    assert not container.layers


@pytest.mark.parametrize("quality", [5, 50, 100])
@pytest.mark.parametrize("side", [2, 5, 13])
def test_saturated_mosaics_do_without_the_network(
    side: int, quality: float, weights: Weights
) -> None:
    pixels = mosaic(150, 170, side)
    data = codec.encode(pixels, quality, weights)
    assert not any(read(data).streams)
    assert psnr(codec.decode(data, weights), pixels) > 24 + quality / 5


def test_quality_100_is_44_db_at_least_for_noise_and_photographs(
    weights: Weights, budgie: Pixels
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (96, 96, 3)).astype(np.uint8)
    for pixels in (noise, budgie[:256, :256]):
        assert psnr(codec.decode(codec.encode(pixels, 100, weights), weights), pixels) > 44


def test_a_tile_where_the_network_fails_is_corrected_in_a_photograph(
    weights: Weights, budgie: Pixels
) -> None:
    pixels = budgie[:256, :320].copy()
    pixels[40:72, 50:98] = mosaic(32, 48, 3)
    data = codec.encode(pixels, 40, weights)
    assert all(read(data).streams)
    assert len(read(data).layers) == 1
    wrong = np.abs(codec.decode(data, weights).astype(int) - pixels)
    assert np.square(wrong[40:72, 50:98]).mean() < 300


def test_tiles_with_and_without_the_network_lie_side_by_side(
    weights: Weights, budgie: Pixels
) -> None:
    pixels = budgie[128:384, :256].copy()
    pixels[:128, 128:] = mosaic(128, 128, 4)
    for quality, least in ((40, 28), (84, 34)):
        data = encode_picture(pixels, quality, weights, tile=128)
        streams = read(data).streams
        assert not streams[1]
        assert any(streams)
        assert psnr(codec.decode(data, weights), pixels) > least


@pytest.mark.parametrize("size", [(1, 1), (1, 90), (97, 130)])
def test_a_largest_error_is_kept_to_tile_by_tile(
    size: tuple[int, int], weights: Weights, budgie: Pixels
) -> None:
    pixels = np.resize(budgie, (*size, 3))
    for max_error in (0, 1, 6):
        data = encode_picture(pixels, 50, weights, tile=64, max_error=max_error)
        shown = codec.decode(data, weights)
        assert np.abs(shown.astype(int) - pixels).max() <= max_error


@pytest.mark.parametrize("max_error", [-1, 256])
def test_a_largest_error_out_of_range_is_a_named_error(
    max_error: int, weights: Weights, budgie: Pixels
) -> None:
    with pytest.raises(PictureError, match="between 0 and 255"):
        codec.encode(budgie, weights=weights, max_error=max_error)


def test_a_layer_on_another_networks_picture_is_a_named_error(
    weights: Weights, budgie: Pixels
) -> None:
    pixels = budgie[128:256, 128:256]
    container = read(codec.encode(pixels, 90, weights))
    other = read(codec.encode(255 - pixels, 90, weights))
    assert all(container.streams)
    mixed = replace(container, layers=other.layers).to_bytes()
    with pytest.raises(CorruptFileError, match="does not decode"):
        codec.decode(mixed, weights)


def test_a_tile_without_any_stream_is_a_named_error(weights: Weights, budgie: Pixels) -> None:
    container = read(codec.encode(budgie[:64, :64], 50, weights))
    reference = container.weights.to_bytes()
    body = container.header.to_bytes() + b"W" + bytes([len(reference)]) + reference + b"S\x00"
    with pytest.raises(CorruptFileError, match="no stream"):
        codec.decode(body + zlib.crc32(body).to_bytes(4, "little"), weights)


def test_a_network_whose_pixels_differ_between_machines_is_not_corrected(
    weights: Weights, budgie: Pixels
) -> None:
    pixels = budgie[:96, :96]
    base = np.clip(pixels.astype(int) + 60, 0, 255).astype(np.uint8)
    stream = bytes(10**5)
    assert choose(pixels, base, stream, 9900, drop=False, correct=True).layer is not None
    assert choose(pixels, base, stream, 9900, drop=False, correct=False).layer is None


def test_steps_and_a_bits_worth_fall_with_quality() -> None:
    qualities = range(0, 10001, 500)
    steps = [layer_settings(q).step for q in qualities]
    worths = [bit_worth(q) for q in qualities]
    assert steps == sorted(steps, reverse=True)
    assert worths == sorted(worths, reverse=True)
    assert steps[-1] == 16 * 5


def test_a_file_without_the_network_needs_no_weights(weights: Weights, budgie: Pixels) -> None:
    pixels = budgie[:100, :90]
    container = read(codec.encode(pixels, weights=weights, max_error=0))
    foreign = replace(container, weights=WeightsReference("not-installed", bytes(4)))
    assert (codec.decode(foreign.to_bytes()) == pixels).all()
