"""Programs of torch.export, of small weights. To trace a part and to load it take seconds."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from numpy.typing import NDArray

from lic.cli.main import main
from lic.codec import decode, encode
from lic.codec.errors import MissingDeviceError
from lic.codec.weights import Weights, resolve
from lic.export.codec import ExportedCodec

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def programs(tiny_installed: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the command makes."""
    out = tmp_path_factory.mktemp("programs") / "out"
    arguments = ["export", tiny_installed, "--out", str(out), "--target", "torch"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0
    assert f"{out}: models of " in result.output
    return out


@pytest.fixture(scope="module")
def exported(programs: Path) -> ExportedCodec:
    return ExportedCodec(programs)


def test_the_folder_tells_of_every_program(programs: Path, tiny_installed: str) -> None:
    manifest = json.loads((programs / "manifest.json").read_text())
    assert manifest["target"] == "torch"
    assert manifest["weights"]["id"] == tiny_installed
    assert {p.relative_to(programs).as_posix() for p in programs.rglob("*.pt2")} == set(
        manifest["files"]
    )
    for name, described in manifest["files"].items():
        data = (programs / name).read_bytes()
        assert described["sha256"] == hashlib.sha256(data).hexdigest()
    about = {"lic.json": ""}
    torch.export.load(programs / "exact" / "targets.pt2", extra_files=about)
    told = json.loads(about["lic.json"])
    assert told["lic.part"] == "targets"
    assert told["lic.weights.sha256"] == manifest["weights"]["sha256"]
    readme = (programs / "README.md").read_text()
    assert readme.startswith(f"# {tiny_installed} as programs of torch\n")


@pytest.mark.parametrize("quality", [0, 43.2, 97])
def test_programs_make_the_same_files_and_pixels(
    exported: ExportedCodec, tiny_installed: str, quality: float, budgie: Pixels
) -> None:
    native = resolve(tiny_installed)
    weights = Weights(native.id, native.digest, exported)
    for picture in (budgie[100:210, 50:190], budgie[:64, :300], budgie[:1, :1]):
        data = encode(picture, quality, weights)
        assert data == encode(picture, quality, native)
        assert (decode(data, weights) == decode(data, native)).all()


def test_programs_take_batches_of_any_size(exported: ExportedCodec, tiny_installed: str) -> None:
    native = resolve(tiny_installed).executor
    random = np.random.default_rng(0)
    for batch in (1, 2, 5):
        pixels = random.integers(0, 256, (batch, 64, 128, 3), dtype=np.uint8)
        latents = native.analyse(pixels, 1234)
        assert (exported.analyse(pixels, 1234) == latents).all()
        assert (exported.synthesise(latents, 1234) == native.synthesise(latents, 1234)).all()


def test_the_program_in_the_folder_decodes_a_file_of_lic(
    programs: Path, tiny_installed: str, budgie: Pixels, tmp_path: Path
) -> None:
    file, out = tmp_path / "a.lic", tmp_path / "a.ppm"
    file.write_bytes(encode(budgie[200:300, 100:270], 97, tiny_installed))
    subprocess.run([sys.executable, programs / "decode.py", file, out], check=True)
    assert out.read_bytes() == b"P6 170 100 255\n" + decode(file.read_bytes()).tobytes()


def test_a_device_that_is_not_there_is_a_named_error(programs: Path) -> None:
    with pytest.raises(MissingDeviceError, match="tpu9"):
        ExportedCodec(programs, "tpu9")
