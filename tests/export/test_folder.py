"""What is in an exported folder, and when there is none."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import onnx
import pytest

from lic.codec import DEFAULT_WEIGHTS
from lic.codec.errors import OutputError, WeightsError
from lic.codec.executors import open_executor
from lic.codec.executors.integers import IntegerExecutor
from lic.codec.executors.known_answers import answers_after
from lic.codec.weights import resolve
from lic.export import folder as module
from lic.export.folder import export


def test_the_manifest_tells_of_every_model(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*.onnx")}
    assert manifest["files"].keys() == files.keys()
    for name, path in files.items():
        described, model = manifest["files"][name], onnx.load(path)
        assert described["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        assert list(described["inputs"]) == [value.name for value in model.graph.input]
        assert described["inputs"]["quality"] == {"type": "int64", "shape": [1]}
        properties = {entry.key: entry.value for entry in model.metadata_props}
        assert properties["lic.weights.sha256"] == manifest["weights"]["sha256"]
    pixels = manifest["files"]["exact/synthesis.onnx"]["outputs"]["pixels"]
    assert pixels == {"type": "uint8", "shape": ["batch", "height", "width", 3]}


def test_known_answers_are_the_reference_s(folder: Path) -> None:
    executor = resolve(DEFAULT_WEIGHTS).executor
    assert isinstance(executor, IntegerExecutor)
    reference = open_executor(executor.network, "reference")
    answers = json.loads((folder / "manifest.json").read_text())["known_answers"]["crc32"]
    assert answers == answers_after(reference.analyse, reference)


def test_two_exports_are_the_same_to_the_byte(folder: Path, tmp_path: Path) -> None:
    export(DEFAULT_WEIGHTS, tmp_path)  # into an empty folder
    for path in (path for path in folder.rglob("*") if path.is_file()):
        assert (tmp_path / path.relative_to(folder)).read_bytes() == path.read_bytes()


def test_an_unknown_id_is_a_named_error(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="'nobody' are not installed"):
        export("nobody", tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_weights_of_floats_are_a_named_error(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"'small-2' are of floats.*lic quantize"):
        export("small-2", tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_empty_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(OutputError, match="no empty folder"):
        export(DEFAULT_WEIGHTS, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_folder_that_cannot_be_made_is_a_named_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "out"):
        with pytest.raises(OutputError, match="file"):
            export(DEFAULT_WEIGHTS, out)


def test_models_that_compute_something_else_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(analyse: object, executor: object) -> dict[str, int]:
        return {"synthesis": int(isinstance(executor, IntegerExecutor))}

    monkeypatch.setattr(module, "answers_after", wrong)
    with pytest.raises(WeightsError, match=r"other integers in synthesis$"):
        export(DEFAULT_WEIGHTS, tmp_path / "out")
    assert not list(tmp_path.iterdir())
