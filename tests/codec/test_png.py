from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from lic.codec import png

MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


def noise(height: int, width: int, channels: int) -> png.Samples:
    """Samples near the ends of their range, where differences wrap around."""
    random = np.random.default_rng(0)
    samples = random.integers(-3, 4, (height, width, channels)).astype(np.uint8)
    return samples[:, :, 0] if channels == 1 else samples


def chunks(file: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The kind and the data of every chunk, whose checksums are right."""
    place = 8
    while place < len(file):
        (length,) = struct.unpack_from(">I", file, place)
        body = file[place + 4 : place + 8 + length]
        assert struct.unpack_from(">I", file, place + 8 + length) == (zlib.crc32(body),)
        yield body[:4], body[4:]
        place += length + 12


@settings(max_examples=50, deadline=None)
@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    channels=st.integers(1, 4),
    band=st.integers(1, 5000),
)
def test_pillow_reads_the_samples_whatever_the_bands(
    height: int, width: int, channels: int, band: int
) -> None:
    samples = noise(height, width, channels)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(png, "BAND", band)
        file = png.png_bytes(samples)
    with Image.open(io.BytesIO(file)) as image:
        assert image.mode == MODES[channels]
        assert np.array_equal(np.asarray(image), samples)


def test_a_picture_of_many_bands_is_one_zlib_stream_with_its_checksum() -> None:
    kinds, (_, data, _) = zip(*chunks(png.png_bytes(noise(700, 500, 3))), strict=True)
    assert kinds == (b"IHDR", b"IDAT", b"IEND")
    rows = zlib.decompress(data)  # which compares the checksum
    assert len(rows) == 700 * (1 + 3 * 500)
    assert rows[:: 1 + 3 * 500] == b"\x04" * 700


def test_what_the_options_ask_for_is_in_the_file() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    file = png.png_bytes(noise(9, 5, 3), icc_profile=b"a profile", exif=exif, dpi=(300, 300))
    with Image.open(io.BytesIO(file)) as image:
        image.load()
        assert image.size == (5, 9)
        assert image.info["icc_profile"] == b"a profile"
        assert image.getexif()[0x0112] == 6
        assert image.info["dpi"] == pytest.approx((300, 300), abs=0.01)


def test_files_are_hardly_larger_than_pillows_of_the_same_method() -> None:
    ramp = np.indices((256, 256)).sum(axis=0)[:, :, None].repeat(3, 2)
    smooth = (ramp // 2 + np.random.default_rng(0).integers(0, 3, ramp.shape)).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(smooth).save(buffer, "PNG", compress_level=1, compress_type=zlib.Z_RLE)
    assert len(png.png_bytes(smooth)) < 1.05 * len(buffer.getvalue())
