from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from lic import codec
from lic.codec.errors import WeightsError
from lic.codec.weights import installed, load_weights, read_manifest, resolve, weights_folders
from lic.evaluation.metrics import psnr

DATA = Path(__file__).parents[1] / "data"


def test_installed_weights_are_those_of_the_manifest() -> None:
    (folder,) = weights_folders()
    manifest = read_manifest(folder)
    assert codec.DEFAULT_WEIGHTS in manifest
    files = {path.stem: path for path in folder.glob("*.safetensors")}
    assert files.keys() == manifest.keys()
    for name, path in files.items():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == manifest[name]["sha256"]


def test_installed_weights_are_at_most_32_megabytes() -> None:
    assert sum(p.stat().st_size for p in weights_folders()[0].iterdir() if p.is_file()) <= 32e6


def test_every_manifest_entry_tells_cost_provenance_and_measured_points() -> None:
    for _, entry in installed().values():
        assert re.fullmatch("[0-9a-f]{64}", entry["sha256"])
        for key in ("summary", "command", "data", "hardware", "model"):
            assert entry[key]
        assert entry["parameters"] > 0
        assert entry["kmac_per_pixel"]["decode"] > 0
        kodak = entry["kodak"]
        assert len(kodak["bpp"]) == len(kodak["psnr"]) == len(kodak["quality"]) >= 5
        assert kodak["bpp"] == sorted(kodak["bpp"])
        assert kodak["psnr"] == sorted(kodak["psnr"])


def test_a_golden_file_decodes_to_the_same_symbols_here(budgie: NDArray[np.uint8]) -> None:
    """Its check value is over the symbols: decoding without an error means that they agree."""
    golden = json.loads((DATA / "golden.json").read_text())
    assert {facts["weights"] for facts in golden.values()} == set(installed())
    for name, facts in golden.items():
        data = (DATA / name).read_bytes()
        assert hashlib.sha256(data).hexdigest() == facts["sha256"]
        assert psnr(codec.decode(data), budgie) == pytest.approx(facts["psnr"], abs=0.01)


def test_a_folder_of_ones_own_comes_before_the_package(
    tiny_path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, budgie: NDArray[np.uint8]
) -> None:
    data = Path(tiny_path).read_bytes()
    (tmp_path / "mine-1.safetensors").write_bytes(data)
    entry = {"sha256": hashlib.sha256(data).hexdigest()}
    (tmp_path / "manifest.json").write_text(json.dumps({"mine-1": entry}))
    monkeypatch.setenv("LIC_WEIGHTS", str(tmp_path))
    assert {"mine-1", codec.DEFAULT_WEIGHTS} <= installed().keys()
    pixels = budgie[:64, :64]
    assert codec.decode(codec.encode(pixels, 50, "mine-1")).shape == pixels.shape


def test_unknown_weights_are_a_named_error_that_lists_the_known() -> None:
    with pytest.raises(WeightsError, match=f"'nope'.*{codec.DEFAULT_WEIGHTS}"):
        resolve("nope")


def test_a_damaged_weights_file_is_a_named_error(tiny_path: str, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(Path(tiny_path).read_bytes()[:1000])
    with pytest.raises(WeightsError, match="cannot be loaded"):
        load_weights(damaged, "damaged")
    with pytest.raises(WeightsError, match="cannot be loaded"):
        load_weights(tmp_path / "none.safetensors", "none")
