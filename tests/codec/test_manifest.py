from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from lic import codec
from lic.codec.errors import WeightsError
from lic.codec.manifest import (
    MANIFEST,
    KodakPoints,
    WeightsEntry,
    find,
    float_weights_file,
    installed,
    read_manifest,
    use_folder,
    weights_folders,
    write_manifest,
)

TINY = Path(__file__).parents[1] / "data" / "tiny.safetensors"

POINTS = KodakPoints((0.0, 50.0), (0.1, 0.5), (27.0, 33.0), (0.9, 0.97), -3.5)
ENTRY = WeightsEntry(
    kind="integer",
    source="mine-1",
    summary="summary",
    command="lic quantize",
    data="pictures",
    hardware="a CPU",
    sha256="0123456789abcdef" * 4,
    model="deployable",
    config={"width": 32, "kernels": [3, 5]},
    parameters=1000,
    kmac_per_pixel={"encode": 1.0, "decode": 2.5},
    training={"crop": 64},
    steps=10,
    minutes=1.5,
    kodak=POINTS,
)


def test_each_folders_weights_are_those_of_its_manifest() -> None:
    unshipped, package = weights_folders()
    assert codec.DEFAULT_WEIGHTS in read_manifest(package)
    for folder in (unshipped, package):
        manifest = read_manifest(folder)
        files = {path.stem: path for path in folder.glob("*.safetensors")}
        assert files.keys() == manifest.keys()
        for name, path in files.items():
            assert hashlib.sha256(path.read_bytes()).hexdigest() == manifest[name].sha256


def test_the_packages_weights_are_of_integers_and_at_most_20_megabytes() -> None:
    package = weights_folders()[-1]
    assert {entry.kind for entry in read_manifest(package).values()} == {"integer"}
    assert sum(p.stat().st_size for p in package.iterdir() if p.is_file()) <= 20e6


def test_the_package_is_installed_without_the_weights_that_are_not_shipped() -> None:
    from importlib.metadata import files

    found = [str(path) for path in files("lic") or ()]
    assert not any("unshipped" in path for path in found)


def test_the_packages_manifest_tells_cost_provenance_and_measured_points() -> None:
    for found in installed().values():
        entry = found.entry
        assert all((entry.summary, entry.command, entry.data, entry.hardware, entry.model))
        assert entry.parameters > 0
        assert entry.kmac_per_pixel["decode"] > 0
        if entry.kodak is None:  # networks to train on from need not be measured
            assert entry.kind == "float"
            continue
        assert len(entry.kodak.quality) >= 5
        for column in (entry.kodak.quality, entry.kodak.bpp, entry.kodak.psnr):
            assert list(column) == sorted(column)


@pytest.mark.parametrize("kodak", [POINTS, replace(POINTS, bd_rate_vtm=None), None])
def test_a_manifest_is_read_as_it_was_written(kodak: KodakPoints | None, tmp_path: Path) -> None:
    entries = {"mine-2": replace(ENTRY, kodak=kodak), "a-1": ENTRY}
    write_manifest(tmp_path, entries)
    read = read_manifest(tmp_path)
    assert list(read) == list(entries)
    write_manifest(tmp_path, read)
    assert read_manifest(tmp_path) == read
    assert read["mine-2"].kodak == kodak
    assert json.loads((tmp_path / MANIFEST).read_text())["a-1"] == json.loads(
        json.dumps(asdict(ENTRY))
    )


def test_an_entrys_digest_is_what_files_carry() -> None:
    assert ENTRY.digest == bytes.fromhex("01234567")


@pytest.mark.parametrize("field", list(asdict(ENTRY)))
def test_a_missing_field_is_a_named_error(field: str, tmp_path: Path) -> None:
    values = asdict(ENTRY)
    del values[field]
    (tmp_path / MANIFEST).write_text(json.dumps({"mine-2": values}))
    with pytest.raises(WeightsError, match=f"'mine-2'.*missing: {field}"):
        read_manifest(tmp_path)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"colour": "red"}, "unknown: colour"),
        ({"kind": "double"}, "kind must be"),
        ({"kind": "float"}, "no source"),
        ({"source": 3}, "source"),
        ({"summary": None}, "summary"),
        ({"sha256": "0123"}, "sha256"),
        ({"config": []}, "config"),
        ({"parameters": 1.5}, "parameters"),
        ({"kmac_per_pixel": {"encode": 1}}, "encode and to decode"),
        ({"minutes": "1"}, "minutes"),
        ({"kodak": {}}, "missing: bd_rate_vtm"),
        ({"kodak": {**asdict(POINTS), "bpp": [0.1]}}, "one length"),
        ({"kodak": {**asdict(POINTS), "bpp": ["0.1", "0.2"]}}, "not numbers"),
        ({"kodak": {**asdict(POINTS), "lpips": []}}, "unknown: lpips"),
        ({"kodak": [1]}, "object"),
    ],
)
def test_a_wrong_field_is_a_named_error(
    changes: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    (tmp_path / MANIFEST).write_text(json.dumps({"mine-2": {**asdict(ENTRY), **changes}}))
    with pytest.raises(WeightsError, match=reason):
        read_manifest(tmp_path)


@pytest.mark.parametrize("text", [None, "", "[1]", "3", '{"mine-2": 3}', "{", "\xff"])
def test_a_manifest_that_is_none_is_a_named_error(text: str | None, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / MANIFEST).write_bytes(text.encode("latin-1"))
    with pytest.raises(WeightsError, match="cannot be read"):
        read_manifest(tmp_path)


def test_a_folder_in_use_comes_before_the_others(
    tmp_path: Path,
    make_weights_folder: Callable[[Path, str, Path], WeightsEntry],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LIC_WEIGHTS", os.environ["LIC_WEIGHTS"])  # which the calls change
    for name in ("one", "two"):
        make_weights_folder(tmp_path / name, "mine-1", TINY)
        assert use_folder(tmp_path / name) == "mine-1"
    assert find("mine-1").folder == tmp_path / "two"
    assert find(codec.DEFAULT_WEIGHTS).folder == weights_folders()[-1]
    assert float_weights_file("mine-1") == tmp_path / "two" / "mine-1.safetensors"
    assert float_weights_file("small-3") == float_weights_file("small-2")
    assert float_weights_file("elsewhere/x.safetensors") == Path("elsewhere/x.safetensors")


def test_a_folder_without_weights_cannot_be_used(tmp_path: Path) -> None:
    write_manifest(tmp_path, {})
    with pytest.raises(WeightsError, match="no weights in"):
        use_folder(tmp_path)


def test_unknown_weights_are_a_named_error_that_lists_the_known() -> None:
    with pytest.raises(WeightsError, match=f"'nope'.*{codec.DEFAULT_WEIGHTS}"):
        find("nope")


def test_listing_weights_loads_no_torch() -> None:
    check = (
        "import sys\n"
        "from lic.codec.manifest import installed\n"
        "assert installed() and not {'torch', 'safetensors'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", check], check=True)
