"""What tests of exported models share."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lic.codec import DEFAULT_WEIGHTS

if TYPE_CHECKING:
    from lic.export.codec import ExportedCodec

HAS_ONNX = all(importlib.util.find_spec(package) for package in ("onnx", "onnxruntime"))
collect_ignore_glob = [] if HAS_ONNX else ["test_*.py"]


def pytest_report_header() -> str | None:
    """Says what is not tested, and why."""
    return None if HAS_ONNX else "without onnx and onnxruntime: not testing export"


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default weights, exported."""
    from lic.export.folder import export

    out = tmp_path_factory.mktemp("export") / "new" / "models"
    export(DEFAULT_WEIGHTS, out)
    return out


@pytest.fixture(scope="session")
def exported(folder: Path) -> ExportedCodec:
    """The models of that folder, opened."""
    from lic.export.codec import ExportedCodec

    return ExportedCodec(folder)
