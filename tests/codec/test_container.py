from __future__ import annotations

import tracemalloc
import zlib
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lic.codec.container import (
    Container,
    Header,
    WeightsReference,
    read_container,
    read_header,
)
from lic.codec.errors import (
    CorruptFileError,
    LicError,
    LimitError,
    TruncatedFileError,
    UnsupportedBoxError,
    UnsupportedVersionError,
)

LIMIT = 2**28
SMALL = Container(
    Header(width=768, height=512, quality=5025, skip_below=10, tile=8),
    WeightsReference("small-2", bytes.fromhex("01020304")),
    streams=(b"abc", bytes(200)),
    ancillary={"x": b"<x/>"},
)
GOLDEN_HEADER = bytes.fromhex(
    "894c4943"  # magic
    "02"  # version
    "00030000"  # width
    "00020000"  # height
    "a113"  # quality 50.25
    "0a"  # skip threshold
    "08"  # tile
)
GOLDEN_WEIGHTS = bytes.fromhex(
    "57"  # W
    "0b"  # length
    "01020304"  # digest
    "736d616c6c2d32"  # "small-2"
)
GOLDEN_STREAMS = bytes.fromhex(
    "53"  # S
    "cc01"  # length 204
    "03"  # length of the first stream
    "616263"  # the first stream
) + bytes(200)


def with_checksum(body: bytes) -> bytes:
    return body + zlib.crc32(body).to_bytes(4, "little")


GOLDEN = with_checksum(GOLDEN_HEADER + GOLDEN_WEIGHTS + b"x\x04<x/>" + GOLDEN_STREAMS)


def file_of(*boxes: bytes, header: bytes = GOLDEN_HEADER) -> bytes:
    """A file whose checksum fits, whatever is in it."""
    return with_checksum(header + b"".join(boxes))


@st.composite
def containers(draw: st.DrawFn) -> Container:
    header = Header(
        draw(st.integers(1, 3000)),
        draw(st.integers(1, 3000)),
        draw(st.integers(0, 10000)),
        draw(st.integers(0, 255)),
        draw(st.integers(8, 32)),
    )
    printable = st.characters(min_codepoint=32, max_codepoint=126)
    # Each tile has one stream at least.
    some, any_ = st.binary(min_size=1, max_size=9), st.binary(max_size=9)
    pairs = st.tuples(some, any_) | st.tuples(any_, some)
    streams, layers = zip(*(draw(pairs) for _ in range(header.tiles)), strict=True)
    return Container(
        header,
        WeightsReference(
            draw(st.text(printable, min_size=1, max_size=63)),
            draw(st.binary(min_size=4, max_size=4)),
        ),
        streams,
        draw(st.dictionaries(st.sampled_from("abcdeiox"), st.binary(max_size=150))),
        draw(st.none() | st.binary(max_size=150)),
        layers if any(layers) else (),
    )


def test_a_small_container_has_the_documented_bytes() -> None:
    assert SMALL.to_bytes() == GOLDEN
    assert GOLDEN[-4:] == bytes.fromhex("29c81fb6")
    assert read_container(GOLDEN, LIMIT) == SMALL


@given(containers())
def test_reading_gives_back_what_was_written(container: Container) -> None:
    data = container.to_bytes()
    read = read_container(data, LIMIT)
    assert read == container
    assert read.to_bytes() == data
    assert sum(read.parts().values()) == len(data)


@settings(deadline=None)
@given(containers(), st.data())
def test_a_damaged_byte_is_refused(container: Container, data: st.DataObject) -> None:
    damaged = bytearray(container.to_bytes())
    place = data.draw(st.integers(0, len(damaged) - 1))
    damaged[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(LicError):
        read_container(bytes(damaged), LIMIT)


def test_every_damaged_byte_of_a_small_file_is_refused() -> None:
    for place in range(len(GOLDEN)):
        for difference in range(1, 256):
            damaged = bytearray(GOLDEN)
            damaged[place] ^= difference
            with pytest.raises(LicError):
                read_container(bytes(damaged), LIMIT)


@settings(deadline=None)
@given(containers())
def test_a_file_cut_off_anywhere_is_truncated(container: Container) -> None:
    data = container.to_bytes()
    for size in range(len(data)):
        with pytest.raises(TruncatedFileError):
            read_container(data[:size], LIMIT)


@given(st.binary(max_size=64))
def test_any_bytes_end_in_a_named_error(tail: bytes) -> None:
    for start in (b"", GOLDEN[:5], GOLDEN_HEADER, GOLDEN_HEADER + GOLDEN_WEIGHTS, GOLDEN):
        for data in (start + tail, with_checksum(start + tail)):
            if data != GOLDEN:
                with pytest.raises(LicError):
                    read_container(data, LIMIT)


def test_all_but_the_stream_takes_at_most_40_bytes_for_one_tile() -> None:
    header = Header(768, 512, 10000, 255, 16)
    stream = bytes(2**24)
    data = Container(header, WeightsReference("small-2", bytes(4)), (stream,)).to_bytes()
    assert len(data) - len(stream) <= 40


def test_the_header_is_read_from_a_files_first_17_bytes() -> None:
    assert read_header(GOLDEN[:17]) == SMALL.header
    for size in range(17):
        with pytest.raises(TruncatedFileError):
            read_header(GOLDEN[:size])


@pytest.mark.parametrize("version", [0, 1, 3, 255])
def test_the_version_is_checked_before_what_follows(version: int) -> None:
    data = GOLDEN[:4] + bytes([version])
    for read in (read_header, lambda start: read_container(start, LIMIT)):
        with pytest.raises(UnsupportedVersionError, match=f"version {version};"):
            read(data)


def test_the_signature_is_checked_before_the_version() -> None:
    with pytest.raises(CorruptFileError, match="not a lic file"):
        read_container(b"\x89PNG\x01", LIMIT)


def test_the_size_is_checked_before_the_boxes() -> None:
    with pytest.raises(LimitError, match="768 x 512"):
        read_container(GOLDEN_HEADER, 768 * 512 - 1)
    with pytest.raises(TruncatedFileError):
        read_container(GOLDEN_HEADER, 768 * 512)


def test_the_limit_counts_whole_units_of_64_pixels() -> None:
    flat = Header(2**20, 1, 5000, 0, 32).to_bytes()
    with pytest.raises(LimitError):
        read_container(flat, 2**26 - 1)
    with pytest.raises(TruncatedFileError):
        read_container(flat, 2**26)


def test_the_boxes_are_walked_before_the_checksum_and_that_before_they_are_understood() -> None:
    unknown = file_of(GOLDEN_WEIGHTS, b"Q\x00", GOLDEN_STREAMS)
    with pytest.raises(TruncatedFileError):
        read_container(unknown[:-1], LIMIT)
    with pytest.raises(CorruptFileError, match="checksum"):
        read_container(unknown[:-1] + b"?", LIMIT)
    with pytest.raises(UnsupportedBoxError, match=r"'Q'.*newer program"):
        read_container(unknown, LIMIT)


def test_a_false_number_of_tiles_takes_no_memory() -> None:
    # 2^25 by 2^25 tiles of 64 pixels.
    header = Header(2**31 - 1, 2**31 - 1, 5000, 0, 1).to_bytes()
    data = file_of(GOLDEN_WEIGHTS, GOLDEN_STREAMS, header=header)
    tracemalloc.start()
    try:
        with pytest.raises(CorruptFileError, match="cannot hold"):
            read_container(data, 2**64)
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


def test_a_false_length_takes_no_memory() -> None:
    for kind in b"WxS":
        with pytest.raises(TruncatedFileError):
            read_container(file_of(bytes([kind]) + b"\xff\xff\xff\xff\x7f"), LIMIT)
    with pytest.raises(CorruptFileError, match="longer"):
        read_container(file_of(GOLDEN_WEIGHTS, b"S\x06\xff\xff\xff\xff\x7fa"), LIMIT)


def test_bytes_after_the_end_are_corrupt() -> None:
    for tail in (b"x", b"x\x00", GOLDEN_STREAMS):
        with pytest.raises(CorruptFileError, match=f"{len(tail)} bytes follow"):
            read_container(file_of(GOLDEN_WEIGHTS, GOLDEN_STREAMS, tail), LIMIT)


def test_boxes_come_in_any_order_but_the_streams_last() -> None:
    data = file_of(b"x\x04<x/>", GOLDEN_WEIGHTS, GOLDEN_STREAMS)
    assert read_container(data, LIMIT) == SMALL


@pytest.mark.parametrize("kind", ["i", "e", "x", "o", "q"])
def test_ancillary_boxes_known_or_not_stay_as_they_are(kind: str) -> None:
    container = replace(SMALL, ancillary={kind: bytes(range(256))})
    assert read_container(container.to_bytes(), LIMIT).ancillary == {kind: bytes(range(256))}


@pytest.mark.parametrize("kind", ["B", "Q", "Z"])
def test_an_unknown_critical_box_asks_for_a_newer_program(kind: str) -> None:
    box = kind.encode() + b"\x01x"
    with pytest.raises(UnsupportedBoxError, match=f"'{kind}'.*newer program"):
        read_container(file_of(box, GOLDEN_WEIGHTS, GOLDEN_STREAMS), LIMIT)


@pytest.mark.parametrize(
    ("boxes", "reason"),
    [
        ((GOLDEN_WEIGHTS, GOLDEN_WEIGHTS, GOLDEN_STREAMS), "two boxes 'W'"),
        ((b"i\x00i\x00", GOLDEN_WEIGHTS, GOLDEN_STREAMS), "two boxes 'i'"),
        ((GOLDEN_STREAMS,), "names no weights"),
        ((b"1\x00", GOLDEN_WEIGHTS, GOLDEN_STREAMS), "no type"),
        ((b"\xe9\x00", GOLDEN_WEIGHTS, GOLDEN_STREAMS), "no type"),
        ((b"i\x80\x00", GOLDEN_WEIGHTS, GOLDEN_STREAMS), "malformed integer"),
        ((b"i\xff\xff\xff\xff\xff", GOLDEN_WEIGHTS, GOLDEN_STREAMS), "malformed integer"),
        ((b"W\x03abc", GOLDEN_STREAMS), "id"),
        ((b"W\x04abcd", GOLDEN_STREAMS), "id"),
        ((b"W\x05abcd\x1f", GOLDEN_STREAMS), "id"),
        ((b"W\x05abcd\xff", GOLDEN_STREAMS), "corrupt"),
        ((b"W\x44" + b"a" * 68, GOLDEN_STREAMS), "id"),
    ],
)
def test_boxes_that_make_no_picture_are_corrupt(boxes: tuple[bytes, ...], reason: str) -> None:
    with pytest.raises(CorruptFileError, match=reason):
        read_container(file_of(*boxes), LIMIT)


BAD_FIELDS = [
    ("width", 0),
    ("width", 2**31),
    ("height", 0),
    ("height", 2**31),
    ("quality", 10001),
    ("skip_below", 256),
    ("tile", 0),
    ("tile", 33),
]


@pytest.mark.parametrize(("field", "value"), BAD_FIELDS)
def test_a_header_with_a_bad_field_cannot_be_made(field: str, value: int) -> None:
    with pytest.raises(ValueError, match=field):
        replace(SMALL.header, **{field: value})


@pytest.mark.parametrize(
    ("start", "stop", "value"),
    [(5, 9, 0), (9, 13, 0), (5, 9, 2**32 - 1), (13, 15, 10001), (16, 17, 0), (16, 17, 33)],
)
def test_a_header_with_a_bad_field_is_corrupt(start: int, stop: int, value: int) -> None:
    header = GOLDEN_HEADER[:start] + value.to_bytes(stop - start, "little") + GOLDEN_HEADER[stop:]
    with pytest.raises(CorruptFileError, match="out of range"):
        read_container(file_of(GOLDEN_WEIGHTS, GOLDEN_STREAMS, header=header), 2**70)


@pytest.mark.parametrize(
    "changes",
    [
        {"streams": (b"abc",)},
        {"ancillary": {"A": b""}},
        {"ancillary": {"ab": b""}},
        {"ancillary": {"é": b""}},
        {"ancillary": {"": b""}},
    ],
)
def test_a_container_that_cannot_be_written_cannot_be_made(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"streams|ancillary"):
        replace(SMALL, **changes)  # type: ignore[arg-type]
