from __future__ import annotations

import os
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from lic.codec import MAX_PIXELS
from lic.codec.container import Container, read_container
from lic.codec.errors import CorruptFileError, LimitError, PictureError
from lic.codec.input import NamedBytes, picture_source, read_lic_file

DATA = Path(__file__).parents[1] / "data"
FILE = DATA / "small-3-q10.lic"


def _through_a_pipe(pipe: Path, data: bytes) -> threading.Thread:
    os.mkfifo(pipe)
    writer = threading.Thread(target=_write, args=(pipe, data), daemon=True)
    writer.start()
    return writer


def _write(pipe: Path, data: bytes) -> None:
    with suppress(BrokenPipeError):  # when the reader has seen enough
        pipe.write_bytes(data)


def test_a_lic_file_is_read_whole_from_a_file_and_from_a_pipe(tmp_path: Path) -> None:
    good = FILE.read_bytes()
    assert read_lic_file(FILE, MAX_PIXELS) == good
    writer = _through_a_pipe(tmp_path / "pipe", good)
    assert read_lic_file(tmp_path / "pipe", MAX_PIXELS) == good
    writer.join()


def test_what_does_not_begin_like_a_lic_file_is_not_read_further(tmp_path: Path) -> None:
    writer = _through_a_pipe(tmp_path / "pipe", bytes(2**24))
    with pytest.raises(CorruptFileError, match="not a lic file"):
        read_lic_file(tmp_path / "pipe", MAX_PIXELS)
    writer.join()


def test_no_more_is_read_than_a_picture_of_the_headers_size_can_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lic.codec.input._OTHER_BYTES", 1000)
    container: Container = read_container(FILE.read_bytes(), MAX_PIXELS)
    small = replace(container.header, width=64, height=64).to_bytes()
    endless = tmp_path / "endless.lic"
    endless.write_bytes(small + bytes(8 * 64 * 64 + 1001))
    with pytest.raises(LimitError, match="more than 33768 bytes"):
        read_lic_file(endless, MAX_PIXELS)
    with pytest.raises(LimitError, match="the limit is 4095"):
        read_lic_file(endless, 4095)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="needs /dev/zero")
def test_devices_are_no_input() -> None:
    with pytest.raises(PictureError, match="cannot read /dev/zero: it is a device"):
        read_lic_file(Path("/dev/zero"), MAX_PIXELS)
    with pytest.raises(PictureError, match="cannot read /dev/zero: it is a device"):
        picture_source(Path("/dev/zero"))


def test_a_picture_is_read_from_its_path_or_whole_from_a_pipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert picture_source(FILE) == FILE
    with pytest.raises(PictureError, match="there is no file"):
        picture_source(tmp_path / "none")
    writer = _through_a_pipe(tmp_path / "pipe", b"data")
    source = picture_source(tmp_path / "pipe")
    assert isinstance(source, NamedBytes)
    assert (source.getvalue(), str(source)) == (b"data", str(tmp_path / "pipe"))
    writer.join()
    monkeypatch.setattr("lic.codec.input._PICTURE_BYTES", 3)
    os.unlink(tmp_path / "pipe")
    _through_a_pipe(tmp_path / "pipe", b"data")
    with pytest.raises(LimitError, match="more than 3 bytes"):
        picture_source(tmp_path / "pipe")


def test_folders_and_loops_of_links_are_named_errors(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for path in (tmp_path, tmp_path / "loop", tmp_path / ("n" * 300)):
        with pytest.raises(PictureError, match="cannot read"):
            read_lic_file(path, MAX_PIXELS)
        with pytest.raises(PictureError, match="cannot read"):
            picture_source(path)
