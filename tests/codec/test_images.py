from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from lic.codec.errors import PictureError
from lic.codec.images import from_image, reduced, save_options, stripped
from lic.codec.metadata import CMYK, GRAY, RGB, Metadata, Original
from lic.codec.pixels import Picture

from .pictures import (
    MODEL,
    ORIENTATION,
    cmyk_profile,
    exif_bytes,
    linear_profile,
    png_16,
    srgb_profile,
    tiff,
)

RANDOM = np.random.default_rng(0)
COLOURS = RANDOM.integers(0, 256, (6, 8, 3), np.uint8)
ALPHA = RANDOM.integers(0, 256, (6, 8), np.uint8)
DEEP = RANDOM.integers(0, 65536, (6, 8, 4), np.uint16)
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a tiff:Orientation="6"/></x:xmpmeta>'


def opened(data: bytes) -> Picture:
    with Image.open(io.BytesIO(data)) as image:
        return from_image(image)


def saved(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    image.save(buffer := io.BytesIO(), kind, **options)
    return buffer.getvalue()


def rounded(samples: NDArray[np.uint16], largest: int = 65535) -> NDArray[np.uint8]:
    return np.floor(samples * 255.0 / largest + 0.5).astype(np.uint8)


@pytest.mark.parametrize(
    ("mode", "array"),
    [
        ("L", COLOURS[:, :, 0]),
        ("LA", np.dstack([COLOURS[:, :, 0], ALPHA])),
        ("RGB", COLOURS),
        ("RGBA", np.dstack([COLOURS, ALPHA])),
    ],
)
def test_images_of_the_codecs_own_modes_come_back_as_they_are(
    mode: str, array: NDArray[np.uint8]
) -> None:
    image = Image.fromarray(array)
    assert image.mode == mode
    picture = from_image(image)
    assert np.array_equal(picture.array(), array)
    assert picture.to_image().mode == mode
    assert picture.original == Original(GRAY if mode[0] == "L" else RGB, 8)


def test_one_bit_becomes_eight_and_is_gray() -> None:
    picture = from_image(Image.fromarray(COLOURS[:, :, 0]).convert("1"))
    assert picture.gray
    assert set(np.unique(picture.pixels)) == {0, 255}


def test_a_palette_with_a_transparent_colour_has_alpha() -> None:
    image = Image.fromarray(COLOURS).quantize(8)
    picture = opened(saved(image, transparency=3))
    assert picture.alpha is not None
    assert np.array_equal(picture.alpha == 0, np.asarray(image) == 3)
    assert np.array_equal(picture.pixels, np.asarray(image.convert("RGB")))


def test_opaque_alpha_is_no_alpha() -> None:
    image = Image.fromarray(COLOURS)
    image.putalpha(255)
    assert from_image(image).alpha is None


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_png_samples_of_16_bits_are_rounded(channels: int) -> None:
    picture = opened(png_16(DEEP[:, :, :channels]))
    assert np.array_equal(picture.array(), rounded(DEEP[:, :, :channels]).squeeze())
    assert picture.original == Original(GRAY if channels == 1 else RGB, 16)
    assert picture.original.notes() == ["samples of 16 bits became samples of 8"]


def test_of_gray_with_alpha_of_16_bits_the_upper_8_bits_are_kept() -> None:
    picture = opened(png_16(DEEP[:, :, :2]))
    assert np.array_equal(picture.array(), (DEEP[:, :, :2] >> 8).astype(np.uint8))
    assert picture.original == Original(GRAY, 16)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("channels", [1, 3])
def test_tiff_samples_of_16_bits_are_rounded(channels: int, order: str, packed: bool) -> None:
    picture = opened(tiff(DEEP[:, :, :channels], order, packed=packed))
    assert np.array_equal(picture.array(), rounded(DEEP[:, :, :channels]).squeeze())
    assert picture.original.bits == 16


def test_samples_of_12_bits_are_rounded_by_their_own_range() -> None:
    samples = DEEP[:, :, :1] >> 4
    picture = opened(tiff(samples, "<", bits=12))
    assert np.array_equal(picture.array(), rounded(samples, 4095).squeeze())
    assert picture.original == Original(GRAY, 12)


def test_a_transparent_gray_of_16_bits_becomes_alpha() -> None:
    samples = DEEP[:, :, 0]
    data = saved(Image.fromarray(samples), transparency=int(samples[2, 3]))
    picture = opened(data)
    assert picture.alpha is not None
    assert np.array_equal(picture.alpha == 0, samples == samples[2, 3])


def test_cmyk_is_converted_by_its_profile_which_is_left_out() -> None:
    inks = np.array([[[0, 0, 0, 0], [255, 0, 0, 0], [0, 255, 0, 0], [0, 0, 0, 255]]], np.uint8)
    image = Image.frombytes("CMYK", (4, 1), inks.tobytes())
    picture = opened(saved(image, "TIFF", icc_profile=cmyk_profile()))
    # L* = 50 is the level 119 of sRGB.
    levels = picture.pixels[0].astype(int)
    assert abs(levels - np.array([[255], [119], [119], [0]])).max() <= 2
    assert picture.metadata.icc == b""
    assert picture.original == Original(CMYK, 8)
    assert picture.original.notes() == ["the picture was converted from CMYK to sRGB"]


@pytest.mark.parametrize("profile", [b"", b"no profile"])
def test_cmyk_without_a_good_profile_is_converted_as_pillow_does(profile: bytes) -> None:
    image = Image.fromarray(COLOURS).convert("CMYK")
    picture = opened(saved(image, "TIFF", **({"icc_profile": profile} if profile else {})))
    assert np.array_equal(picture.pixels, np.asarray(image.convert("RGB")))


def test_lab_is_converted_to_srgb() -> None:
    lab = Image.frombytes("LAB", (2, 1), bytes([255, 0, 0, 128, 0, 0]))
    levels = from_image(lab).pixels[0].astype(int)
    assert abs(levels - np.array([[255], [119]])).max() <= 2


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_metadata_is_kept_to_the_byte(kind: str) -> None:
    wanted = Metadata(srgb_profile(), exif_bytes(), XMP.replace(b"6", b"1"))
    image = Image.fromarray(COLOURS)
    data = saved(image, kind, **save_options(wanted, kind))
    found = opened(data).metadata
    assert (found.icc, found.xmp) == (wanted.icc, wanted.xmp)
    if kind == "TIFF":  # Its EXIF is the file's own directory.
        exif = Image.Exif()
        exif.load(found.exif)
        assert exif[MODEL] == "a camera"
        assert exif.get_ifd(0x8769)[0x9003] == "2024:02:29 12:34:56"
        assert 256 not in exif
    else:
        assert found.exif == wanted.exif
    again = saved(opened(data).to_image(), kind, **save_options(found, kind))
    assert opened(again).metadata == found


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_is_applied_and_neutralised(orientation: int, kind: str) -> None:
    image = Image.linear_gradient("L").resize((40, 24)).convert("RGB")
    options = save_options(Metadata(exif=exif_bytes(orientation), xmp=XMP), kind)
    data = saved(image, kind, **options)
    picture = opened(data)
    assert picture.metadata.exif == exif_bytes(1)
    assert picture.metadata.xmp == XMP.replace(b"6", b"1")
    with Image.open(io.BytesIO(data)) as stored:
        pixels = np.asarray(stored)
    turned = {
        1: pixels,
        2: pixels[:, ::-1],
        3: pixels[::-1, ::-1],
        4: pixels[::-1],
        5: pixels.swapaxes(0, 1),
        6: np.rot90(pixels, -1),
        7: pixels[::-1, ::-1].swapaxes(0, 1),
        8: np.rot90(pixels),
    }[orientation]
    assert np.array_equal(picture.pixels, turned)


def test_a_tiffs_orientation_is_applied_once() -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    picture = opened(saved(Image.fromarray(COLOURS), "TIFF", exif=exif))
    assert np.array_equal(picture.pixels, np.rot90(COLOURS, -1))
    exif.load(picture.metadata.exif)
    assert exif.get(ORIENTATION, 1) == 1


def test_a_profile_is_kept_and_pixels_are_not_converted() -> None:
    picture = opened(saved(Image.fromarray(COLOURS), icc_profile=linear_profile()))
    assert picture.metadata.icc == linear_profile()
    assert np.array_equal(picture.pixels, COLOURS)


def test_without_its_profile_a_picture_is_converted_to_srgb() -> None:
    levels = np.repeat(np.array([[[0], [55], [255]]], np.uint8), 3, axis=2)
    picture = opened(saved(Image.fromarray(levels), icc_profile=linear_profile()))
    plain = stripped(picture, ["icc"])
    assert plain.metadata.icc == b""
    # A fifth of the light is the level 128 of sRGB.
    assert abs(plain.pixels[0, :, 1].astype(int) - [0, 128, 255]).max() <= 1


def test_without_its_profile_gray_stays_gray() -> None:
    levels = np.array([[0, 55, 255]], np.uint8)
    picture = opened(saved(Image.fromarray(levels), icc_profile=linear_profile()))
    plain = stripped(picture, ["icc"])
    assert plain.gray
    assert abs(plain.array()[0].astype(int) - [0, 128, 255]).max() <= 1


def test_metadata_is_stripped_by_its_kind() -> None:
    metadata = Metadata(b"icc", b"exif", b"xmp")
    picture = Picture(COLOURS, ALPHA, metadata, Original(bits=16))
    assert stripped(picture, ["exif"]).metadata == Metadata(b"icc", b"", b"xmp")
    bare = stripped(picture, ["icc", "exif", "xmp"])
    assert bare.metadata == Metadata()
    assert bare.alpha is ALPHA
    assert bare.original == picture.original


def test_an_image_without_a_file_can_be_an_animations_frame() -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    data = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    with Image.open(io.BytesIO(data)) as image:
        with pytest.raises(PictureError, match="animation"):
            from_image(image)
        assert from_image(image.copy()).pixels[0, 0].tolist() == [255, 0, 0]


def test_samples_without_a_range_are_refused() -> None:
    with pytest.raises(PictureError, match="floating-point"):
        from_image(Image.new("F", (2, 2)))
    with pytest.raises(PictureError, match="32-bit"):
        from_image(Image.new("I", (2, 2), 70000))


def test_an_invisible_pixel_has_no_weight_in_a_smaller_picture() -> None:
    pixels = np.array([[[200, 0, 0], [0, 100, 0]], [[200, 0, 0], [200, 0, 0]]], np.uint8)
    alpha = np.array([[255, 0], [255, 255]], np.uint8)
    small = reduced(Picture(pixels, alpha, Metadata(xmp=b"x"), Original(bits=16)), 2)
    assert small.array().tolist() == [[[200, 0, 0, 191]]]
    assert (small.metadata, small.original) == (Metadata(xmp=b"x"), Original(bits=16))
