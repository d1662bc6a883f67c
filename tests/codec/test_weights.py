from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from lic import codec
from lic.codec.errors import WeightsError
from lic.codec.manifest import WeightsEntry, installed, use_folder, write_manifest
from lic.codec.weights import load_weights, resolve
from lic.evaluation.metrics import psnr
from lic.models import PRESETS, create_preset, full_config
from lic.models.weights_file import network_bytes

DATA = Path(__file__).parents[1] / "data"
MakeFolder = Callable[[Path, str, Path], WeightsEntry]


@pytest.fixture
def other_path(tmp_path: Path) -> Path:
    """A weights file of another network than `tiny_path`'s."""
    path = tmp_path / "other.safetensors"
    model = create_preset("tiny")
    path.write_bytes(network_bytes(PRESETS["tiny"].model, full_config(model), model.state_dict()))
    return path


def test_a_golden_file_decodes_to_the_same_symbols_here(budgie: NDArray[np.uint8]) -> None:
    """Its check value is over the symbols: decoding without an error means that they agree."""
    golden = json.loads((DATA / "golden.json").read_text())
    assert {facts["weights"] for facts in golden.values()} == set(installed())
    for name, facts in golden.items():
        data = (DATA / name).read_bytes()
        assert hashlib.sha256(data).hexdigest() == facts["sha256"]
        assert psnr(codec.decode(data), budgie) == pytest.approx(facts["psnr"], abs=0.01)


def test_weights_of_ones_own_code_by_their_id(
    tiny_path: str,
    tmp_path: Path,
    make_weights_folder: MakeFolder,
    monkeypatch: pytest.MonkeyPatch,
    budgie: NDArray[np.uint8],
) -> None:
    make_weights_folder(tmp_path, "mine-1", Path(tiny_path))
    monkeypatch.setenv("LIC_WEIGHTS", str(tmp_path))
    assert {"mine-1", codec.DEFAULT_WEIGHTS} <= installed().keys()
    pixels = budgie[:64, :64]
    assert codec.decode(codec.encode(pixels, 50, "mine-1")).shape == pixels.shape


def test_one_id_in_two_folders_is_each_folders_network(
    tiny_path: str,
    other_path: Path,
    tmp_path: Path,
    make_weights_folder: MakeFolder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LIC_WEIGHTS", "")
    for name, path in (("one", Path(tiny_path)), ("two", other_path), ("one", Path(tiny_path))):
        entry = make_weights_folder(tmp_path / name, "mine-1", path)
        use_folder(tmp_path / name)
        assert resolve("mine-1").digest == entry.digest


def test_weights_stay_loaded_until_their_file_is_another(
    tiny_path: str,
    other_path: Path,
    tmp_path: Path,
    make_weights_folder: MakeFolder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LIC_WEIGHTS", str(tmp_path))
    make_weights_folder(tmp_path, "mine-1", Path(tiny_path))
    first = resolve("mine-1")
    assert resolve("mine-1") is first
    assert resolve(first) is first
    entry = make_weights_folder(tmp_path, "mine-1", other_path)
    assert resolve("mine-1").digest == entry.digest


def test_a_file_that_is_not_the_manifests_is_a_named_error(
    tiny_path: str,
    tmp_path: Path,
    make_weights_folder: MakeFolder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    entry = make_weights_folder(tmp_path, "mine-1", Path(tiny_path))
    write_manifest(tmp_path, {"mine-1": replace(entry, sha256="0" * 64)})
    monkeypatch.setenv("LIC_WEIGHTS", str(tmp_path))
    with pytest.raises(WeightsError, match="not the one in the manifest"):
        resolve("mine-1")


def test_a_damaged_weights_file_is_a_named_error(tiny_path: str, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(Path(tiny_path).read_bytes()[:1000])
    with pytest.raises(WeightsError, match="cannot be loaded"):
        load_weights(damaged, "damaged")
    with pytest.raises(WeightsError, match="cannot be loaded"):
        load_weights(tmp_path / "none.safetensors", "none")
