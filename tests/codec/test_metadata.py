from __future__ import annotations

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lic.codec.errors import CorruptFileError, PictureError
from lic.codec.metadata import (
    GRAY,
    LIMIT,
    RGB,
    Metadata,
    Original,
    metadata_of,
    original_of,
    to_boxes,
    upright_exif,
    upright_xmp,
)

METADATA = st.builds(Metadata, *3 * [st.binary(max_size=300)])
ORIGINALS = st.builds(Original, st.sampled_from([1, 3, 4]), st.integers(1, 255))


@given(METADATA, ORIGINALS)
def test_boxes_hold_what_was_put_into_them(metadata: Metadata, original: Original) -> None:
    boxes = to_boxes(metadata, original)
    assert metadata_of(boxes) == metadata
    assert original_of(boxes) == original


def test_a_picture_that_says_nothing_has_no_boxes() -> None:
    assert to_boxes(Metadata(), Original()) == {}
    assert (metadata_of({}), original_of({})) == (Metadata(), Original(RGB, 8))


def test_the_boxes_are_the_documented_ones() -> None:
    boxes = to_boxes(Metadata(b"profile", b"MM", b"<x/>"), Original(GRAY, 16))
    assert set(boxes) == set("ieox")
    assert [zlib.decompress(boxes[kind]) for kind in "iex"] == [b"profile", b"MM", b"<x/>"]
    assert boxes["o"] == bytes([1, 16])


@pytest.mark.parametrize("kind", ["i", "e", "x"])
@pytest.mark.parametrize(
    "payload", [b"", b"raw", zlib.compress(b"a")[:-1], zlib.compress(b"a") + b"b"]
)
def test_metadata_that_does_not_decompress_is_corrupt(kind: str, payload: bytes) -> None:
    with pytest.raises(CorruptFileError, match="compress"):
        metadata_of({kind: payload})


def test_metadata_beyond_the_limit_is_neither_written_nor_read() -> None:
    assert metadata_of({"x": zlib.compress(bytes(LIMIT))}).xmp == bytes(LIMIT)
    with pytest.raises(CorruptFileError, match="length"):
        metadata_of({"x": zlib.compress(bytes(LIMIT + 1))})
    with pytest.raises(PictureError, match="16777217 bytes of XMP"):
        to_boxes(Metadata(xmp=bytes(LIMIT + 1)), Original())


@pytest.mark.parametrize("payload", [b"", b"\x01", b"\x02\x08", b"\x01\x00", b"\x01\x08\x00"])
def test_an_original_of_another_form_is_corrupt(payload: bytes) -> None:
    with pytest.raises(CorruptFileError, match="what the picture was"):
        original_of({"o": payload})


def exif(order: str, *entries: tuple[int, int, int, int]) -> bytes:
    mark = struct.pack(f"{order}2sHI", b"II" if order == "<" else b"MM", 42, 12) + b"gap!"
    packed = b"".join(struct.pack(f"{order}HHIH2x", *entry) for entry in entries)
    return mark + struct.pack(f"{order}H", len(entries)) + packed + b"what follows"


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_becomes_upright_and_is_else_unchanged(order: str, orientation: int) -> None:
    entries = [(0x010F, 3, 1, 9), (0x0112, 3, 1, orientation), (0x0113, 3, 1, 6)]
    assert upright_exif(exif(order, *entries)) == exif(
        order, entries[0], (274, 3, 1, 1), entries[2]
    )


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no EXIF",
        b"II*\0",
        b"II*\0\xff\xff\xff\xff",
        exif("<", (0x010F, 3, 1, 9)),
        exif("<", (0x0112, 4, 1, 6)),
        exif("<", (0x0112, 3, 1, 6))[:20],
    ],
)
def test_exif_without_an_orientation_stays(data: bytes) -> None:
    assert upright_exif(data) == data


@given(st.binary(max_size=60))
def test_any_bytes_may_be_exif(tail: bytes) -> None:
    for start in (b"", b"II*\0", b"MM\0*\0\0\0\x08"):
        assert len(upright_exif(start + tail)) == len(start + tail)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'<a tiff:Orientation="6"/>', b'<a tiff:Orientation="1"/>'),
        (b"<a tiff:Orientation='8'/>", b"<a tiff:Orientation='1'/>"),
        (b"<tiff:Orientation>3</tiff:Orientation>", b"<tiff:Orientation>1</tiff:Orientation>"),
        (b"<a Orientation='6'/>", b"<a Orientation='6'/>"),
    ],
)
def test_xmp_becomes_upright(before: bytes, after: bytes) -> None:
    assert upright_xmp(before) == after
