from __future__ import annotations

import contextlib
import io
import zlib
from dataclasses import replace

import pytest
from hypothesis import given, settings

from lic.codec.container import Container, read_container
from lic.codec.errors import CorruptFileError, LimitError, TruncatedFileError
from lic.codec.outline import Outline, completed, read_outline

from .test_container import GOLDEN, GOLDEN_HEADER, GOLDEN_WEIGHTS, LIMIT, containers


@given(containers())
def test_an_outline_is_what_comes_before_the_streams(container: Container) -> None:
    outline = read_outline(file := io.BytesIO(container.to_bytes()), LIMIT)
    known = {kind: box for kind, box in container.ancillary.items() if kind in "ieox"}
    assert outline == Outline(container.header, known, container.alpha is not None)
    start = file.getvalue()[: file.tell()]
    assert read_outline(io.BytesIO(start), LIMIT) == outline
    for size in range(len(start)):
        with contextlib.suppress(TruncatedFileError):
            assert read_outline(io.BytesIO(start[:size]), LIMIT) == outline


def test_an_outline_has_no_box_beyond_the_limit() -> None:
    assert read_outline(io.BytesIO(GOLDEN), 4).ancillary == {"x": b"<x/>"}
    with pytest.raises(LimitError, match="4 bytes of xmp"):
        read_outline(io.BytesIO(GOLDEN), 3)


@settings(deadline=None)
@given(containers())
def test_a_file_that_is_cut_off_in_its_streams_can_be_completed(container: Container) -> None:
    data = container.to_bytes()
    assert completed(data) is data
    first = len(data) - 4 - container.parts()["streams"]
    for size in range(first + 2 if not container.layers else 0):
        with pytest.raises(TruncatedFileError):
            completed(data[:size])
    for size in range(first + 2, len(data)):
        with contextlib.suppress(TruncatedFileError):
            whole = completed(data[:size])
            assert whole[:size][: len(data) - 4] == data[: min(size, len(data) - 4)]
            assert len(whole) == len(data)
            assert zlib.crc32(whole[:-4]).to_bytes(4, "little") == whole[-4:]


@settings(deadline=None)
@given(containers().filter(lambda container: container.layers))
def test_a_file_that_is_cut_off_in_its_layers_can_be_completed(container: Container) -> None:
    data, parts = container.to_bytes(), container.parts()
    outline = read_outline(io.BytesIO(data), LIMIT)
    end = len(data) - 4 - parts["streams"]
    start = end - parts["residual layer"]
    for size in range(start + 2, end + 2):
        cut = io.BytesIO(data[:size])
        assert read_outline(cut, LIMIT, truncated=True) == outline
        with contextlib.suppress(CorruptFileError):  # a length is cut in two
            read = read_container(completed(data[:size]), LIMIT)
            assert replace(read, layers=container.layers, streams=container.streams) == container
            assert read.streams == tuple(b"" if layer else b"\0" for layer in read.layers)
            assert size < end or read.layers == container.layers
    for size in range(start + 2):
        with pytest.raises(TruncatedFileError):
            completed(data[:size])
    for size in range(end + 1):
        with pytest.raises(TruncatedFileError):
            read_outline(io.BytesIO(data[:size]), LIMIT)


def test_a_false_length_is_not_completed() -> None:
    data = GOLDEN_HEADER + GOLDEN_WEIGHTS + b"S\xff\xff\xff\xff\x7f"
    assert completed(data) is data
