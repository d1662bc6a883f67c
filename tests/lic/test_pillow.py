"""The plugin, tested as Pillow tests its own formats."""

from __future__ import annotations

import io
import pickle
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFile, UnidentifiedImageError

import lic
import lic.codec
import lic.pillow
from lic.codec.alpha import pack_alpha
from lic.codec.boxes import CHECKSUM_BYTES
from lic.codec.coding import encode_picture
from lic.codec.container import read_container
from lic.codec.pixels import psnr_of
from lic.codec.weights import resolve
from lic.pillow import LicImageFile

DATA = Path(__file__).parents[1] / "data"
GOLDEN = DATA / "small-3-q10.lic"
XMP = b"<x:xmpmeta/>"


def noise(mode: str) -> Image.Image:
    random = np.random.default_rng(0)
    image = Image.fromarray(random.integers(0, 256, (40, 60, 4), np.uint8), "RGBA")
    return image.convert(mode)


def reopened(image: Image.Image, **options: object) -> Image.Image:
    image.save(file := io.BytesIO(), "LIC", **options)
    return Image.open(file)


def test_sanity() -> None:
    with Image.open(GOLDEN) as image:
        image.load()
        assert (image.mode, image.size, image.format) == ("RGB", (512, 512), "LIC")
        assert image.get_format_mimetype() == "image/x-lic"
        assert np.array_equal(np.asarray(image), lic.decode(GOLDEN.read_bytes()))


def test_the_plugin_is_found_by_name_and_suffix() -> None:
    assert Image.registered_extensions()[".lic"] == "LIC"
    assert "LIC" in Image.SAVE
    assert Image.MIME["LIC"] == "image/x-lic"


def test_importing_the_plugin_registers_it() -> None:
    check = (
        "import sys, lic.pillow\n"
        "from PIL import Image\n"
        "with Image.open(sys.argv[1]) as image: print(image.format)"
    )
    command = [sys.executable, "-c", check, str(GOLDEN)]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == "LIC\n"


def test_opening_reads_no_stream_and_decodes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lic.pillow.decode_picture", None)
    start = GOLDEN.read_bytes()[:100]
    with Image.open(io.BytesIO(start)) as image:
        assert (image.mode, image.size) == ("RGB", (512, 512))


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_a_mode_comes_back(mode: str) -> None:
    image = noise(mode)
    with reopened(image, quality=90) as again:
        assert (again.mode, again.size) == (mode, image.size)
        again.load()
        if mode[-1] == "A":
            assert again.getchannel("A").tobytes() == image.getchannel("A").tobytes()


@pytest.mark.parametrize(("mode", "expected"), [("1", "L"), ("P", "RGB"), ("CMYK", "RGB")])
def test_other_modes_are_converted(mode: str, expected: str) -> None:
    with reopened(noise("RGB").convert(mode)) as again:
        assert again.mode == expected


def test_a_mode_that_cannot_be_written_is_an_oserror() -> None:
    with pytest.raises(OSError, match="cannot write the image as LIC"):
        Image.new("F", (2, 2)).save(io.BytesIO(), "LIC")


def test_quality_and_weights_are_passed_on() -> None:
    sizes = []
    for quality in (0, 50.5, 100):
        noise("RGB").save(file := io.BytesIO(), "LIC", quality=quality)
        header = read_container(file.getvalue(), 2**20).header
        assert header.quality == 100 * quality
        sizes.append(len(file.getvalue()))
    assert sizes == sorted(sizes)
    with pytest.raises(OSError, match="not installed"):
        noise("RGB").save(io.BytesIO(), "LIC", weights="nope")
    with pytest.raises(OSError, match="quality"):
        noise("RGB").save(io.BytesIO(), "LIC", quality=101)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_without_loss_every_sample_comes_back(mode: str) -> None:
    image = noise(mode)
    with reopened(image, lossless=True) as again:
        assert (again.mode, again.tobytes()) == (mode, image.tobytes())
    with reopened(image, max_error=4) as again:
        difference = np.asarray(again).astype(int) - np.asarray(image)
        assert 0 < np.abs(difference).max() <= 4


def test_targets_are_kept_to(budgie: NDArray[np.uint8]) -> None:
    image = Image.fromarray(budgie[100:300, 100:300])
    for options, most in (({"target_size": 3000}, 3000), ({"target_bpp": 0.4}, 2000)):
        image.save(file := io.BytesIO(), "LIC", **options)
        assert 0.98 * most <= len(file.getvalue()) <= most
    with reopened(image, target_psnr=36) as again:
        error = np.square(np.asarray(again).astype(int) - np.asarray(image)).mean()
    assert psnr_of(error) == pytest.approx(36, abs=0.05)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target_size": 30}, "the target is too small"),
        ({"target_bpp": 1, "target_psnr": 36}, "there must be one target"),
        ({"target_bpp": 0}, "a target must be a positive number"),
        ({"target_bpp": 1, "lossless": True}, "excludes a target"),
    ],
)
def test_a_target_that_cannot_be_kept_to_is_an_oserror(
    options: dict[str, object], message: str
) -> None:
    with pytest.raises(OSError, match=f"cannot write the image as LIC: .*{message}"):
        noise("RGB").save(io.BytesIO(), "LIC", **options)


@pytest.mark.torch
@pytest.mark.usefixtures("network_alone")
def test_effort_makes_another_file() -> None:
    files = []
    for effort in (0, 3):
        noise("RGB").save(file := io.BytesIO(), "LIC", effort=effort)
        files.append(file.getvalue())
    assert files[0] != files[1]


def test_metadata_is_kept_given_or_left_out() -> None:
    image = noise("RGB")
    exif = Image.Exif()
    exif[0x0110] = "a camera"
    with reopened(image, exif=exif, icc_profile=b"a profile", xmp=XMP) as again:
        assert again.getexif()[0x0110] == "a camera"
        assert again.info["icc_profile"] == b"a profile"
        assert again.info["xmp"] == XMP
        with reopened(again) as third:
            assert third.info == again.info
        with reopened(again, exif=b"", icc_profile=None, xmp=None) as bare:
            assert bare.info == {}
        assert again.info["xmp"] == XMP


def test_the_orientation_is_applied() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    with reopened(noise("RGB"), exif=exif) as again:
        assert again.size == (40, 60)
        assert again.getexif()[0x0112] == 1


def test_a_path_and_an_open_file_can_be_written_and_read(tmp_path: Path) -> None:
    image = noise("RGB")
    path = tmp_path / "out.lic"
    image.save(path)
    with path.open("rb") as file, Image.open(file) as again, lic.open(path) as third:
        assert again.tobytes() == third.tobytes()
        assert not file.closed


def test_a_picture_can_be_loaded_twice_copied_and_pickled() -> None:
    with Image.open(GOLDEN) as image:
        first = image.tobytes()
        image.load()
        assert image.tobytes() == first
        assert image.copy().tobytes() == first
        assert pickle.loads(pickle.dumps(image)).tobytes() == first


def test_files_are_closed() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        with Image.open(GOLDEN) as image:
            file = image.fp
            image.load()
            assert file.closed
        image = Image.open(GOLDEN)
        image.load()
        image.close()


def test_what_is_no_lic_file_is_a_syntax_error() -> None:
    with pytest.raises(SyntaxError):
        LicImageFile(DATA / "budgie.png")
    with pytest.raises(UnidentifiedImageError):
        lic.open(DATA / "budgie.png")


@pytest.mark.parametrize("size", [4, 16, 17, 20])
def test_a_file_without_its_outline_is_not_identified(size: int) -> None:
    with pytest.raises(UnidentifiedImageError):
        Image.open(io.BytesIO(GOLDEN.read_bytes()[:size]))


def test_a_damaged_file_is_an_oserror_when_it_is_loaded() -> None:
    data = bytearray(GOLDEN.read_bytes())
    data[-20] ^= 1
    with Image.open(io.BytesIO(data)) as image, pytest.raises(OSError, match="corrupt"):
        image.load()
    with Image.open(io.BytesIO(data[:-20])) as image, pytest.raises(OSError, match="truncated"):
        image.load()


def test_of_a_truncated_file_the_tiles_that_are_there_are_loaded(
    monkeypatch: pytest.MonkeyPatch, budgie: NDArray[np.uint8]
) -> None:
    weights = resolve(lic.codec.DEFAULT_WEIGHTS)
    data = encode_picture(budgie, 50, weights, tile=128)
    whole, streams = lic.decode(data), read_container(data, 2**20).streams
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    for missing in (1, 5, len(streams[-1]) // 2):
        with Image.open(io.BytesIO(data[:-missing])) as image:
            pixels = np.asarray(image)
        assert np.array_equal(pixels[:64], whole[:64])
        assert np.array_equal(pixels, whole) == (missing == 1)
    damaged = data[:-9] + bytes(9)
    with Image.open(io.BytesIO(damaged)) as image, pytest.raises(OSError, match="checksum"):
        image.load()


@pytest.mark.parametrize("left", [2, 3])
def test_of_a_truncated_file_without_loss_the_tiles_that_are_there_are_loaded(
    monkeypatch: pytest.MonkeyPatch, budgie: NDArray[np.uint8], left: int
) -> None:
    source = budgie[:256, :256]
    weights = resolve(lic.codec.DEFAULT_WEIGHTS)
    alpha = pack_alpha(source[:, :, 0])
    data = encode_picture(source, 50, weights, tile=128, max_error=0, alpha=alpha)
    container = read_container(data, 2**20)
    after = container.parts()["streams"] + CHECKSUM_BYTES + sum(map(len, container.layers[left:]))
    cut = data[: len(data) - after + 1]
    with pytest.raises(UnidentifiedImageError):
        Image.open(io.BytesIO(cut))
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with Image.open(io.BytesIO(cut)) as image:
        pixels = np.asarray(image)
    assert np.array_equal(pixels[:, :, 3], source[:, :, 0])
    assert np.array_equal(pixels[:128, :, :3], source[:128])
    assert np.array_equal(pixels[128:, :128, :3], source[128:, :128]) == (left == 3)
    assert (pixels[128:, 128:, :3] == 128).all()


def test_a_truncated_file_of_a_large_picture_takes_no_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    size = (2**31 - 1).to_bytes(4, "little")
    start = GOLDEN.read_bytes()
    data = start[:5] + 2 * size + start[13:17] + b"S\xff\xff\xff\xff\x7f"
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    with Image.open(io.BytesIO(data)) as image, pytest.raises(OSError, match="the limit is"):
        image.load()


def test_false_lengths_take_no_memory() -> None:
    start = GOLDEN.read_bytes()[:17]
    with pytest.raises(UnidentifiedImageError):
        Image.open(io.BytesIO(start + b"i\xff\xff\xff\xff\x7f"))
    with pytest.raises(UnidentifiedImageError):
        Image.open(io.BytesIO(start + b"q\xff\xff\xff\xff\x7f"))
