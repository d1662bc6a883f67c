"""The worker in this process, without Ray; and a local cluster of two processes, with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray
from PIL import Image

from lic import codec
from lic.cli.coding import Encoding
from lic.cli.corpus import Record, Worker, list_corpus
from lic.cli.main import main
from lic.codec.errors import LicError, OutputError, PictureError
from lic.codec.picture import read_picture

fsspec = pytest.importorskip("fsspec", reason="the extra ray, or torch, brings fsspec")

SOURCE, TARGET = "memory://pictures", "memory://coded/here"
ENCODING = Encoding(40, None, None, codec.DEFAULT_WEIGHTS, 0, "cpu", ())


@pytest.fixture
def memory() -> Iterator[Any]:
    """A file system with a picture, one that is damaged, and one more of the first one's name."""
    files = fsspec.filesystem("memory")
    crop = Image.fromarray(np.full((40, 60, 3), 99, np.uint8))
    for name in ("a.png", "sub/b.JPG", "sub/b.png"):
        with files.open(f"/pictures/{name}", "wb") as file:
            crop.save(file, "PNG" if name.endswith("png") else "JPEG")
    files.pipe("/pictures/c.png", b"no picture")
    files.pipe("/pictures/readme.txt", b"no picture either")
    yield files
    files.store.clear()
    files.pseudo_dirs[:] = [""]


def work(overwrite: bool = False) -> list[dict[str, Any]]:
    pairs, _ = list_corpus(SOURCE, TARGET)
    worker = Worker(ENCODING, SOURCE, TARGET, overwrite, {})
    return [worker(pair) for pair in pairs]


def test_a_corpus_is_all_pictures_below_a_folder_with_one_output_each(memory: Any) -> None:
    pairs, failed = list_corpus(SOURCE, TARGET)
    assert [pair["source"] for pair in pairs] == [
        "/pictures/a.png",
        "/pictures/c.png",
        "/pictures/sub/b.JPG",
    ]
    assert pairs[2]["target"] == "/coded/here/sub/b.lic"
    assert failed == [
        Record(
            "memory:///pictures/sub/b.png",
            "memory:///coded/here/sub/b.lic",
            error="memory:///coded/here/sub/b.lic is the output of memory:///pictures/sub/b.JPG, "
            "too",
        )
    ]


def test_a_single_picture_is_a_corpus(memory: Any) -> None:
    pairs, failed = list_corpus(f"{SOURCE}/a.png", TARGET)
    assert pairs == [{"source": "/pictures/a.png", "target": "/coded/here/a.lic"}]
    assert failed == []


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names of files are valid text")
def test_a_name_that_is_no_text_is_an_error_of_its_own(tmp_path: Path) -> None:
    for name in (b"caf\xe9.png", b"tea.png"):
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_bytes(b"")
    pairs, [failed] = list_corpus(str(tmp_path), TARGET)
    assert [Path(pair["source"]).name for pair in pairs] == ["tea.png"]
    assert failed.source == f"file://{tmp_path}/caf\\udce9.png"
    assert failed.error == f"the name {failed.source} is no valid UTF-8"


def test_a_record_has_the_facts_of_the_file_or_the_error(memory: Any) -> None:
    good, bad, _ = work()
    data = memory.cat("/coded/here/a.lic")
    assert codec.decode(data).shape == (40, 60, 3)
    assert good == {
        "source": "memory:///pictures/a.png",
        "target": "memory:///coded/here/a.lic",
        "bytes": len(data),
        "bpp": 8 * len(data) / (40 * 60),
        "width": 60,
        "height": 40,
        "skipped": False,
        "error": None,
    }
    assert bad["error"] == "memory:///pictures/c.png is not a picture of a known kind"
    assert bad["bytes"] is None
    assert not memory.exists("/coded/here/c.lic")


def test_a_file_that_is_there_is_skipped_unless_it_is_to_be_overwritten(memory: Any) -> None:
    first, *_ = work()
    memory.rm("/pictures/a.png")
    memory.pipe("/pictures/a.png", b"not read again")
    assert work()[0] == {**first, "skipped": True}
    assert work(overwrite=True)[0]["error"].endswith("is not a picture of a known kind")


def test_what_is_no_lic_file_is_not_overwritten(memory: Any) -> None:
    memory.pipe("/coded/here/a.lic", b"precious")
    error = work()[0]["error"]
    assert error.startswith("memory:///coded/here/a.lic exists, and this is not a lic file")
    assert memory.cat("/coded/here/a.lic") == b"precious"


def test_errors_of_file_systems_are_those_of_one_picture(
    memory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs, _ = list_corpus(SOURCE, TARGET)
    worker = Worker(ENCODING, SOURCE, TARGET, False, {})

    class Denied(Exception):
        pass

    def deny(*_: object, **__: object) -> None:
        raise Denied("no access\nfor long reasons")

    monkeypatch.setattr(type(memory), "pipe_file", deny)
    error = worker(pairs[0])["error"]
    assert error == "cannot write memory:///coded/here/a.lic: no access"
    monkeypatch.setattr(type(memory), "open", deny)
    assert worker(pairs[0])["error"] == "cannot read memory:///pictures/a.png: no access"


@pytest.mark.parametrize(
    ("raised", "message"),
    [
        (KeyError("what nobody thought of"), "cannot encode {}: 'what nobody thought of'"),
        (MemoryError(), "not enough memory for {}"),
    ],
)
def test_whatever_there_is_about_a_picture_is_its_own_error(
    memory: Any, monkeypatch: pytest.MonkeyPatch, raised: Exception, message: str
) -> None:
    def fail(*_: object) -> None:
        raise raised

    monkeypatch.setattr(Encoding, "compress", fail)
    assert work()[0]["error"] == message.format("memory:///pictures/a.png")


@pytest.mark.parametrize(
    ("source", "target", "kind", "message"),
    [
        ("memory://nothing", TARGET, PictureError, "no picture in the folder memory://nothing"),
        ("nope://x", TARGET, PictureError, "cannot use nope://x: Protocol not known"),
        (SOURCE, "nope://x", OutputError, "cannot use nope://x: Protocol not known"),
    ],
)
@pytest.mark.usefixtures("memory")
def test_what_is_no_corpus_is_a_named_error(
    source: str, target: str, kind: type[LicError], message: str
) -> None:
    with pytest.raises(kind, match=message):
        list_corpus(source, target)


def test_without_ray_the_command_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    result = CliRunner().invoke(main, ["encode-corpus", str(tmp_path), str(tmp_path / "out")])
    assert result.exit_code == 11
    assert result.stderr == "lic: this needs the package ray: pip install 'lic[ray]'\n"


@pytest.fixture
def corpus(tmp_path: Path, budgie: NDArray[np.uint8]) -> Path:
    """200 small pictures in two folders, of which five are damaged."""
    (tmp_path / "in" / "sub").mkdir(parents=True)
    for i in range(200):
        path = tmp_path / "in" / ("sub" if i % 2 else ".") / f"{i:03}.png"
        row, column = 2 * i, 400 - 2 * i
        Image.fromarray(budgie[row : row + 48, column : column + 64]).save(path)
        if i % 40 == 0:
            path.write_bytes(path.read_bytes()[:100])
    return tmp_path


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A cluster of two processes on this machine."""
    ray = pytest.importorskip("ray", reason="the extra ray is not installed")
    pytest.importorskip("pyarrow", reason="the extra ray is not installed")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_BACKEND_LOG_LEVEL", "fatal")
    ray.init("local", num_cpus=2, log_to_driver=False)
    yield
    ray.shutdown()


@pytest.mark.usefixtures("cluster")
def test_a_killed_run_is_continued_and_the_manifest_tells_of_all(corpus: Path) -> None:
    source, target = corpus / "in", corpus / "out"
    command = [sys.executable, "-m", "lic.cli", "encode-corpus", str(source), str(target)]
    with subprocess.Popen([*command, "--address", "local", "--workers", "1", "--quiet"]) as program:
        deadline = time.monotonic() + 60
        while len(list(target.rglob("*.lic"))) < 10 and time.monotonic() < deadline:
            time.sleep(0.01)
        program.kill()
    before = {path: os.stat(path).st_ino for path in target.rglob("*.lic")}
    assert 10 <= len(before) < 195

    result = CliRunner().invoke(main, ["encode-corpus", str(source), str(target)])
    assert result.exit_code == 19, result.stderr
    assert "5 of 200 pictures failed" in result.stderr
    assert {path: os.stat(path).st_ino for path in before} == before
    records = [json.loads(line) for line in (target / "manifest.jsonl").read_text().splitlines()]
    assert len({record["source"] for record in records}) == len(records) == 200
    assert len(before) <= sum(record["skipped"] for record in records) < 195
    for record in records:
        path = Path(record["target"].removeprefix("file://"))
        if record["error"]:
            assert "cannot read the picture" in record["error"]
            assert not path.exists()
        else:
            assert path.stat().st_size == record["bytes"]
    first = codec.decode((target / "sub" / "001.lic").read_bytes())
    assert np.array_equal(first, codec.decode(codec.encode(read_picture(source / "sub/001.png"))))
    assert not list(target.rglob(".lic-*"))
