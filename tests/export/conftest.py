"""What tests of exported models share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lic.codec import DEFAULT_WEIGHTS

if TYPE_CHECKING:
    from lic.export.codec import ExportedCodec


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
