from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

from lic.codec.errors import PictureError
from lic.codec.input import NamedBytes
from lic.codec.picture import check_picture_path, list_pictures, picture_bytes, read_picture

COLOURS = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)


def saved(image: Image.Image, folder: Path, name: str = "picture.png", **options: object) -> Path:
    path = folder / name
    image.save(path, **options)
    return path


def test_rgb_comes_back_as_it_is(tmp_path: Path) -> None:
    assert np.array_equal(read_picture(saved(Image.fromarray(COLOURS), tmp_path)), COLOURS)


def test_grayscale_becomes_equal_channels(tmp_path: Path) -> None:
    gray = COLOURS[:, :, 0]
    pixels = read_picture(saved(Image.fromarray(gray), tmp_path))
    assert np.array_equal(pixels, np.repeat(gray[:, :, None], 3, axis=2))


def test_a_palette_is_looked_up(tmp_path: Path) -> None:
    image = Image.fromarray(COLOURS).quantize(8)
    expected = np.asarray(image.convert("RGB"))
    assert np.array_equal(read_picture(saved(image, tmp_path)), expected)


def test_opaque_alpha_is_dropped(tmp_path: Path) -> None:
    image = Image.fromarray(COLOURS)
    image.putalpha(255)
    assert np.array_equal(read_picture(saved(image, tmp_path)), COLOURS)


def test_transparency_is_refused(tmp_path: Path) -> None:
    image = Image.fromarray(COLOURS)
    image.putalpha(254)
    with pytest.raises(PictureError, match="transparent"):
        read_picture(saved(image, tmp_path))


def test_16_bit_samples_are_rounded_to_8_bits(tmp_path: Path) -> None:
    samples = np.array([[0, 128, 129, 257, 65535]], dtype=np.uint16)
    pixels = read_picture(saved(Image.fromarray(samples), tmp_path))
    assert pixels[0, :, 0].tolist() == [0, 0, 1, 1, 255]
    assert pixels.shape == (1, 5, 3)


def test_transparent_16_bit_samples_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    Image.fromarray(np.ones((2, 2), np.uint16)).save(path, transparency=1)
    with pytest.raises(PictureError, match="transparent"):
        read_picture(path)


def test_an_animation_and_a_format_that_is_not_for_pictures_are_refused(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    path = saved(frames[0], tmp_path, "picture.gif", save_all=True, append_images=frames[1:])
    with pytest.raises(PictureError, match="animation"):
        read_picture(path)
    script = saved(frames[0], tmp_path, "picture.eps")
    with pytest.raises(PictureError, match="not a picture"):
        read_picture(script)


def test_floating_point_samples_are_refused(tmp_path: Path) -> None:
    path = saved(Image.fromarray(np.zeros((2, 2), np.float32)), tmp_path, "picture.tiff")
    with pytest.raises(PictureError, match="floating-point"):
        read_picture(path)


def test_the_exif_orientation_is_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    path = saved(Image.fromarray(COLOURS), tmp_path, exif=exif)
    assert np.array_equal(read_picture(path), np.rot90(COLOURS, -1))


def test_a_missing_file_a_damaged_file_and_a_text_are_named_errors(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="there is no file"):
        read_picture(tmp_path / "none.png")
    text = tmp_path / "text.png"
    text.write_text("no picture")
    with pytest.raises(PictureError, match="not a picture"):
        read_picture(text)
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    damaged = saved(Image.fromarray(noise), tmp_path, "damaged.png")
    damaged.write_bytes(damaged.read_bytes()[:5000])
    with pytest.raises(PictureError):
        read_picture(damaged)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".ppm", ".tiff", ".webp"])
def test_written_pictures_are_lossless(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"out{suffix}"
    path.write_bytes(picture_bytes(COLOURS, path))
    assert np.array_equal(read_picture(path), COLOURS)


@pytest.mark.parametrize("suffix", [".jpg", ".avif"])
def test_lossy_formats_are_written_with_all_their_colours(suffix: str, tmp_path: Path) -> None:
    if suffix == ".avif" and not features.check("avif"):
        pytest.skip("this build of Pillow has no AVIF")
    flat = np.full((16, 16, 3), 100, np.uint8)
    flat[:, ::2] = (200, 40, 90)
    path = tmp_path / f"out{suffix}"
    path.write_bytes(picture_bytes(flat, path))
    assert np.abs(read_picture(path).astype(int) - flat).max() < 16


def test_a_suffix_that_names_no_picture_is_refused() -> None:
    with pytest.raises(PictureError, match="suffix must be one of"):
        check_picture_path(Path("out.gif"))


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_a_picture_too_wide_for_its_format_is_a_named_error(suffix: str) -> None:
    with pytest.raises(PictureError, match=f"cannot write out{suffix}"):
        picture_bytes(np.zeros((1, 70000, 3), np.uint8), Path(f"out{suffix}"))


def test_a_picture_in_memory_is_read_and_called_by_its_name(tmp_path: Path) -> None:
    data = picture_bytes(COLOURS, Path("a.png"))
    assert np.array_equal(read_picture(NamedBytes(data, "the standard input")), COLOURS)
    with pytest.raises(PictureError, match=r"^the standard input is not a picture"):
        read_picture(NamedBytes(b"text", "the standard input"))


def test_pictures_are_found_in_all_folders_below(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    first = saved(Image.fromarray(COLOURS), tmp_path / "a", "x.PNG")
    second = saved(Image.fromarray(COLOURS), tmp_path, "y.jpg")
    (tmp_path / "notes.txt").write_text("")
    assert list_pictures([tmp_path]) == [first, second]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "JPEG2000"])
def test_damaged_pictures_are_read_or_a_named_error(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "picture"
    Image.fromarray(np.repeat(COLOURS, 6, axis=0)).save(path, kind)
    good = path.read_bytes()
    random = np.random.default_rng(0)
    for _ in range(100):
        damaged = bytearray(good)
        for place in random.integers(0, len(good), 3):
            damaged[place] = random.integers(256)
        path.write_bytes(damaged)
        with suppress(PictureError):
            assert read_picture(path).dtype == np.uint8
