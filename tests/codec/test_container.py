from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lic.codec.container import Container, Header, read_container
from lic.codec.errors import (
    CorruptFileError,
    LicError,
    LimitError,
    TruncatedFileError,
    UnsupportedVersionError,
)
from lic.codec.tiling import tile_count

LIMIT = 2**28


def small_container() -> Container:
    header = Header(
        weights_id="small-1",
        weights_digest=bytes.fromhex("01020304"),
        width=768,
        height=512,
        quality=5025,
        skip_below=10,
        tile=8,
        lengths=(3, 200),
    )
    return Container(header, (b"abc", bytes(200)))


GOLDEN_HEADER = bytes.fromhex(
    "894c4943"  # magic
    "01"  # version
    "07736d616c6c2d31"  # "small-1"
    "01020304"  # digest
    "8006"  # width
    "8004"  # height
    "a113"  # quality 50.25
    "0a"  # skip threshold
    "08"  # tile
    "03c801"  # lengths
    "638bd8fb"  # checksum
)


def test_a_header_has_the_documented_bytes() -> None:
    assert small_container().header.to_bytes() == GOLDEN_HEADER


def test_a_file_is_header_streams_and_checksum() -> None:
    container = small_container()
    assert container.to_bytes() == GOLDEN_HEADER + b"abc" + bytes(200) + bytes.fromhex("3e9d574b")
    assert sum(container.parts().values()) == len(container.to_bytes())


def test_all_but_the_stream_takes_at_most_40_bytes_for_a_kodak_picture() -> None:
    header = Header("small-1", bytes(4), 768, 512, 10000, 255, 16, (2**20,))
    assert len(Container(header, (b"",)).to_bytes()) <= 40


@given(
    name=st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=63),
    width=st.integers(1, 5000),
    height=st.integers(1, 5000),
    quality=st.integers(0, 10000),
    skip_below=st.integers(0, 255),
    tile=st.integers(8, 32),
    data=st.data(),
)
def test_reading_gives_back_what_was_written(
    name: str,
    width: int,
    height: int,
    quality: int,
    skip_below: int,
    tile: int,
    data: st.DataObject,
) -> None:
    count = tile_count(width, height, 64 * tile)
    streams = tuple(data.draw(st.lists(st.binary(max_size=9), min_size=count, max_size=count)))
    lengths = tuple(map(len, streams))
    header = Header(name, b"1234", width, height, quality, skip_below, tile, lengths)
    container = Container(header, streams)
    assert read_container(container.to_bytes(), LIMIT) == container


def test_every_flipped_bit_is_a_named_error() -> None:
    data = small_container().to_bytes()
    for bit in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises((CorruptFileError, UnsupportedVersionError)):
            read_container(bytes(damaged), LIMIT)


def test_every_shorter_file_is_truncated() -> None:
    data = small_container().to_bytes()
    for size in range(len(data)):
        with pytest.raises(TruncatedFileError):
            read_container(data[:size], LIMIT)


def test_bytes_after_the_end_are_corrupt() -> None:
    with pytest.raises(CorruptFileError, match="1 bytes follow"):
        read_container(small_container().to_bytes() + b"x", LIMIT)


def test_another_version_is_unsupported() -> None:
    data = bytearray(small_container().to_bytes())
    data[4] = 2
    with pytest.raises(UnsupportedVersionError, match="version 2"):
        read_container(bytes(data), LIMIT)


def test_a_picture_over_the_limit_is_refused() -> None:
    with pytest.raises(LimitError, match="768 x 512"):
        read_container(small_container().to_bytes(), 768 * 512 - 1)


def test_the_limit_counts_whole_units_of_64_pixels() -> None:
    flat = Header("small-1", bytes(4), 2**20, 1, 5000, 0, 32, (0,) * 512)
    with pytest.raises(LimitError):
        read_container(Container(flat, (b"",) * 512).to_bytes(), 2**20)


def test_a_false_size_takes_no_memory() -> None:
    # A header that claims 2^31 pixels a side in tiles of 64 pixels: 10^15 lengths.
    claim = GOLDEN_HEADER[:17] + b"\xff\xff\xff\xff\x07" * 2 + b"\x00\x00\x00\x01"
    with pytest.raises(TruncatedFileError):
        read_container(claim, LIMIT)


@given(st.binary(max_size=64))
def test_any_bytes_end_in_a_named_error(tail: bytes) -> None:
    for start in (b"", GOLDEN_HEADER[:5], GOLDEN_HEADER[:17], GOLDEN_HEADER):
        with pytest.raises(LicError):
            read_container(start + tail, LIMIT)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("weights_id", ""),
        ("weights_id", "é"),
        ("weights_digest", b"123"),
        ("width", 0),
        ("height", 2**31),
        ("quality", 10001),
        ("skip_below", 256),
        ("tile", 0),
        ("tile", 33),
        ("lengths", (1,)),
    ],
)
def test_a_header_with_a_bad_field_cannot_be_made(field: str, value: object) -> None:
    good = small_container().header.__dict__
    with pytest.raises(ValueError, match=r"header's|positive"):
        Header(**{**good, field: value})
