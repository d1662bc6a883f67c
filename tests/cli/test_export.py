from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from lic.cli.main import main
from lic.codec import DEFAULT_WEIGHTS
from lic.codec.errors import MissingPackageError, WeightsError


@pytest.mark.onnx
def test_export_makes_a_folder_of_models(tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = CliRunner().invoke(main, ["export", DEFAULT_WEIGHTS, "--out", str(out)])
    assert result.exit_code == 0
    assert f"{out}: models of " in result.output
    assert {"manifest.json", "README.md", "decode.py", "exact"} < {p.name for p in out.iterdir()}


@pytest.mark.onnx
def test_weights_that_cannot_be_exported_are_one_sentence(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["export", "small-2", "--out", str(tmp_path / "out")])
    assert result.exit_code == WeightsError.exit_code
    assert result.output.startswith("lic: weights 'small-2' are of floats")
    assert result.output.count("\n") == 1


@pytest.mark.parametrize(
    ("target", "package", "needed"),
    [("onnx", "onnx", "onnx"), ("onnx", "onnxruntime", "onnx"), ("torch", "torch", "torch")],
)
def test_a_missing_package_is_one_sentence(
    target: str, package: str, needed: str, tmp_path: Path
) -> None:
    program = f"import sys; sys.modules[{package!r}] = None; import lic.cli.main as m; m.main()"
    arguments = ["export", DEFAULT_WEIGHTS, "--out", tmp_path / "out", "--target", target]
    command = [sys.executable, "-c", program, *arguments]
    result = subprocess.run(command, check=False, capture_output=True, text=True)
    assert result.returncode == MissingPackageError.exit_code
    assert result.stderr.count("\n") == 1
    assert f"pip install 'lic[{needed}]'" in result.stderr
