"""`lic.codec.encode` and `decode` with all kinds of pictures, and parts of them."""

from __future__ import annotations

import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from lic import codec, residual_coding
from lic.codec.alpha import pack_alpha, with_smooth_colours
from lic.codec.boxes import NAMES
from lic.codec.coding import decode_pixels, encode_picture
from lic.codec.container import read_container
from lic.codec.errors import CorruptFileError, PictureError, RegionError
from lic.codec.latent_coding import decode_latents
from lic.codec.layering import Choice, layer_settings
from lic.codec.metadata import GRAY, Metadata, Original
from lic.codec.picture import load_picture, picture_bytes
from lic.codec.pixels import Picture
from lic.codec.targets import Target
from lic.codec.weights import Weights, load_weights

from .pictures import exif_bytes, srgb_profile

TINY = Path(__file__).parents[1] / "data" / "tiny.safetensors"
LIMIT = 2**28
Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def weights() -> Weights:
    return load_weights(TINY, "tiny")


def soft_mask(height: int, width: int) -> Pixels:
    """Opaque in the middle, invisible outside."""
    y, x = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    return np.clip((0.9 - np.hypot(x, y)) * 900, 0, 255).astype(np.uint8)


def psnr(a: Pixels, b: Pixels) -> float:
    return float(10 * np.log10(255**2 / np.square(a.astype(float) - b).mean()))


def test_gray_comes_back_gray_and_close(weights: Weights, budgie: Pixels) -> None:
    gray = budgie[:100, :120, 1]
    decoded = codec.decode(codec.encode(gray, 90, weights), weights)
    assert decoded.shape == gray.shape
    assert psnr(decoded, gray) > 25


def test_gray_is_the_rounded_mean_of_what_the_network_shows(
    weights: Weights, budgie: Pixels
) -> None:
    data = codec.encode(budgie[:64, :64, 1], 50, weights)
    container = read_container(data, LIMIT)
    shown = codec.decode(replace(container, ancillary={}).to_bytes(), weights)
    expected = np.floor(shown.sum(axis=2) / 3 + 0.5)
    assert np.array_equal(codec.decode(data, weights), expected)


def test_alpha_has_no_loss(weights: Weights, budgie: Pixels) -> None:
    alpha = soft_mask(100, 120)
    for colours in (budgie[:100, :120], budgie[:100, :120, :1]):
        array = np.dstack([colours, alpha])
        decoded = codec.decode(codec.encode(array, 50, weights), weights)
        assert decoded.shape == array.shape
        assert np.array_equal(decoded[:, :, -1], alpha)


def test_opaque_alpha_costs_nothing(weights: Weights, budgie: Pixels) -> None:
    pixels = budgie[:100, :120]
    opaque = np.dstack([pixels, np.full((100, 120), 255, np.uint8)])
    assert codec.encode(opaque, 50, weights) == codec.encode(pixels, 50, weights)


def test_what_is_invisible_is_not_coded(weights: Weights, budgie: Pixels) -> None:
    alpha = soft_mask(128, 128)
    noise = np.random.default_rng(0).integers(0, 256, (128, 128, 3), np.uint8)
    clean, noisy = (
        codec.encode(np.dstack([colours, alpha]), 90, weights)
        for colours in (
            budgie[:128, :128],
            np.where(alpha[:, :, None] > 0, budgie[:128, :128], noise),
        )
    )
    assert clean == noisy


def test_a_plain_picture_has_no_new_boxes(weights: Weights, budgie: Pixels) -> None:
    parts = read_container(codec.encode(budgie[:64, :64], 50, weights), LIMIT).parts()
    assert list(parts) == ["header", "weights", "streams", "checksum"]


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_a_file_keeps_what_a_picture_carries(
    mode: str, suffix: str, weights: Weights, budgie: Pixels, tmp_path: Path
) -> None:
    metadata = Metadata(srgb_profile(), exif_bytes(1), b"<x:xmpmeta>\xc3\xa4</x:xmpmeta>")
    image = Image.fromarray(budgie[:40, :50])
    if mode[-1] == "A":
        image.putalpha(Image.fromarray(soft_mask(40, 50)))
    source, target = tmp_path / "in.png", tmp_path / f"out{suffix}"
    whole = Picture.from_array(np.array(image.convert(mode)))
    source.write_bytes(picture_bytes(replace(whole, metadata=metadata), source))
    data = codec.encode(load_picture(source), 50, weights)
    target.write_bytes(picture_bytes(codec.decode_picture(data, weights), target))
    with Image.open(target) as image:
        assert image.mode == mode
    found = load_picture(target)
    assert np.array_equal(found.array(), codec.decode(data, weights))
    assert (found.metadata.icc, found.metadata.xmp) == (metadata.icc, metadata.xmp)
    if suffix == ".png":
        assert found.metadata.exif == metadata.exif


def test_what_the_original_was_is_kept(weights: Weights, budgie: Pixels) -> None:
    picture = Picture(budgie[:64, :64], original=Original(GRAY, 16))
    found = codec.decode_picture(codec.encode(picture, 50, weights), weights)
    assert found.original == picture.original


def test_a_golden_file_has_all_boxes_and_all_they_hold(budgie: Pixels) -> None:
    data = (TINY.parent / "small-3-all-boxes.lic").read_bytes()
    container = read_container(data, LIMIT)
    assert set(container.parts()) - {"header", "checksum"} == set(NAMES.values())
    picture = codec.decode_picture(data)
    assert picture.metadata == Metadata(
        icc=b"a profile", exif=b"II*\0\b\0\0\0\0\0", xmp=b"<x:xmpmeta/>"
    )
    assert picture.original == Original(GRAY, 16)
    assert picture.alpha is not None
    assert np.array_equal(picture.alpha, budgie[200:280, 100:220, 1])
    assert psnr(picture.array()[:, :, 0], budgie[200:280, 100:220, 0]) > 38


def test_what_is_no_picture_is_refused(weights: Weights) -> None:
    with pytest.raises(PictureError, match="not list"):
        codec.encode([[1, 2], [3, 4]], 50, weights)  # type: ignore[arg-type]


def test_alpha_of_another_size_is_corrupt(weights: Weights, budgie: Pixels) -> None:
    container = read_container(codec.encode(budgie[:64, :64], 50, weights), LIMIT)
    for alpha in (
        b"",
        b"\x00",
        *(pack_alpha(np.zeros(size, np.uint8)) for size in ((63, 64), (64, 65))),
    ):
        with pytest.raises(CorruptFileError, match="corrupt"):
            codec.decode(replace(container, alpha=alpha).to_bytes(), weights)


def choose_anything(
    source: Pixels, base: Pixels, stream: bytes, quality: int, *, drop: bool, correct: bool
) -> Choice:
    """The network, a layer, or both: by the pixels, so that any order makes the same choices."""
    kind = zlib.crc32(np.ascontiguousarray(source)) % 3
    if kind == 0:
        return Choice(stream, None)
    alone = kind == 1 and drop
    layer = residual_coding.encode(source, None if alone else base, layer_settings(quality))
    return Choice(b"" if alone else stream, layer)


@pytest.fixture(scope="module", params=["network", "mixed"])
def tiled(budgie: Pixels, weights: Weights, request: pytest.FixtureRequest) -> bytes:
    """A file of 384 x 320 pixels, less a few, in tiles of 128."""
    choices = {
        "network": lambda source, base, stream, *_, **__: Choice(stream, None),
        "mixed": choose_anything,
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lic.codec.coding.choose", choices[request.param])
        return encode_picture(budgie[:315, :380], 70, weights, tile=128)


def test_tiles_of_all_kinds_lie_side_by_side(budgie: Pixels, weights: Weights) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lic.codec.coding.choose", choose_anything)
        data = encode_picture(budgie[:315, :380], 70, weights, tile=128)
    container = read_container(data, LIMIT)
    kinds = {
        (bool(stream), bool(layer))
        for stream, layer in zip(container.streams, container.layers, strict=True)
    }
    assert kinds == {(True, False), (False, True), (True, True)}
    assert psnr(codec.decode(data, weights), budgie[:315, :380]) > 20


REGIONS = [
    (0, 0, 380, 315),
    (0, 0, 1, 1),
    (379, 314, 1, 1),
    (127, 127, 2, 2),
    (100, 3, 30, 312),
    (130, 140, 100, 90),
    (13, 200, 367, 115),
    (255, 0, 1, 315),
]


@pytest.mark.parametrize("region", REGIONS)
def test_a_region_is_what_the_whole_picture_has_there(
    region: tuple[int, int, int, int], tiled: bytes, weights: Weights
) -> None:
    x, y, width, height = region
    whole = codec.decode(tiled, weights)
    part = codec.decode(tiled, weights, region=region)
    assert np.array_equal(part, whole[y : y + height, x : x + width])


def test_only_the_tiles_that_a_region_needs_are_decoded(
    tiled: bytes, weights: Weights, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded = []

    def counted(executor: object, streams: list[bytes], *rest: object) -> object:
        decoded.extend(streams)
        return decode_latents(executor, streams, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr("lic.codec.coding.decode_latents", counted)
    container = read_container(tiled, LIMIT)
    streams, layers = container.streams, container.layers
    halo = 16 * weights.executor.halo
    assert halo < 64
    for region, tile, others in (
        ((192, 192, 1, 1), 4, ()),
        ((128 - halo, 0, halo, 128 - halo), 0, (1,)),
        ((0, 314, 1, 1), 6, ()),
    ):
        decoded.clear()
        codec.decode(tiled, weights, region=region)
        needed = {tile, *others} if streams[tile] else set()
        if streams[tile] and layers and layers[tile]:  # which is on top of the whole tile
            row, column = divmod(tile, 3)
            needed = {
                3 * (row + down) + column + right
                for down in (-1, 0, 1)
                for right in (-1, 0, 1)
                if 0 <= row + down < 3 and 0 <= column + right < 3
            }
        assert sorted(decoded) == sorted(streams[i] for i in needed if streams[i])


def test_a_region_of_alpha_and_gray_is_cut_out_too(weights: Weights, budgie: Pixels) -> None:
    array = np.dstack([budgie[:90, :80, 0], soft_mask(90, 80)])
    data = codec.encode(array, 50, weights)
    part = codec.decode(data, weights, region=(11, 22, 33, 44))
    assert np.array_equal(part, codec.decode(data, weights)[22:66, 11:44])


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_a_smaller_picture_has_the_means_of_blocks(
    factor: int, tiled: bytes, weights: Weights
) -> None:
    whole = codec.decode(tiled, weights).astype(float)
    rows, columns = -(-315 // factor), -(-380 // factor)
    beyond = ((0, rows * factor - 315), (0, columns * factor - 380), (0, 0))
    blocks = np.pad(whole, beyond, constant_values=np.nan)
    means = np.nanmean(blocks.reshape(rows, factor, columns, factor, 3), axis=(1, 3))
    small = codec.decode(tiled, weights, reduce=factor)
    assert small.shape == means.shape
    assert np.abs(small - means).max() <= 0.51


@pytest.mark.parametrize(
    "region", [(0, 0, 0, 5), (0, 0, 5, 0), (-1, 0, 5, 5), (376, 0, 5, 5), (0, 311, 5, 5)]
)
def test_a_region_beyond_the_picture_is_a_named_error(
    region: tuple[int, int, int, int], tiled: bytes, weights: Weights
) -> None:
    with pytest.raises(RegionError, match="380 x 315"):
        codec.decode(tiled, weights, region=region)


@pytest.mark.parametrize("factor", [0, -1, 65])
def test_a_reduction_out_of_range_is_a_named_error(
    factor: int, tiled: bytes, weights: Weights
) -> None:
    with pytest.raises(RegionError, match="1 to 64"):
        codec.decode(tiled, weights, reduce=factor)


def test_a_picture_becomes_an_image_with_its_metadata(weights: Weights, budgie: Pixels) -> None:
    picture = Picture(budgie[:64, :64], soft_mask(64, 64), Metadata(b"icc", b"exif", b"xmp"))
    image = codec.decode_picture(codec.encode(picture, 50, weights), weights).to_image()
    assert image.mode == "RGBA"
    assert image.info == {"icc_profile": b"icc", "exif": b"Exif\0\0exif", "xmp": b"xmp"}


@settings(max_examples=30, deadline=None)
@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(1, 4),
    st.sampled_from([0, 1, 7, 128, 255]),
    st.integers(0, 2**32 - 1),
)
def test_no_sample_is_off_by_more_than_the_largest_error(
    height: int, width: int, channels: int, max_error: int, seed: int
) -> None:
    samples = np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)
    array = samples[:, :, 0] if channels == 1 else samples
    tiny = load_weights(TINY, "tiny")
    data = codec.encode(array, weights=tiny, max_error=max_error)
    decoded = codec.decode(data, tiny)
    assert decoded.shape == array.shape
    assert np.abs(decoded.astype(int) - array).max() <= max_error
    if channels in (2, 4):
        assert np.array_equal(decoded[:, :, -1], array[:, :, -1])


@pytest.mark.parametrize("words", [{"effort": 1}, {"target": Target(bpp=1)}])
def test_a_largest_error_excludes_what_searches_for_a_quality(
    words: dict[str, Any], weights: Weights, budgie: Pixels
) -> None:
    with pytest.raises(PictureError, match="a largest error excludes a target and an effort"):
        codec.encode(budgie[:64, :64], weights=weights, max_error=2, **words)


@pytest.mark.parametrize("max_error", [-1, 256])
def test_a_largest_error_is_a_difference_of_samples(
    max_error: int, weights: Weights, budgie: Pixels
) -> None:
    with pytest.raises(PictureError, match="the largest error must lie between 0 and 255"):
        codec.encode(budgie[:64, :64], weights=weights, max_error=max_error)


def test_a_damaged_layer_is_an_error_and_skipped_on_request(
    weights: Weights, budgie: Pixels
) -> None:
    data = encode_picture(budgie[:128, :256], 50, weights, tile=128, max_error=0)
    container = read_container(data, LIMIT)
    first, second = container.layers
    damaged = replace(container, layers=(first[:-1] + bytes([first[-1] ^ 1]), second))
    with pytest.raises(CorruptFileError, match="the picture's data does not decode"):
        decode_pixels(damaged, lambda: weights)
    shown = decode_pixels(damaged, lambda: weights, skip_damaged=True)
    assert (shown[:, :128] == 128).all()
    assert np.array_equal(shown[:, 128:], budgie[:128, 128:256])


@pytest.mark.usefixtures("network_alone")
def test_a_target_is_that_of_the_colours_that_are_coded(weights: Weights, budgie: Pixels) -> None:
    alpha = soft_mask(90, 80)
    colours = with_smooth_colours(budgie[:90, :80], alpha)
    data = codec.encode(
        np.dstack([budgie[:90, :80], alpha]), weights=weights, target=Target(psnr=36)
    )
    decoded = codec.decode(data, weights)
    assert np.array_equal(decoded[:, :, 3], alpha)
    assert psnr(decoded[:, :, :3], colours) == pytest.approx(36, abs=0.05)
