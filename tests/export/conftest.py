"""What tests of exported models share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lic.codec import DEFAULT_WEIGHTS
from lic.codec.manifest import FOLDERS_VARIABLE, WeightsEntry, write_manifest

from ..conftest import TINY

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


@pytest.fixture(scope="session")
def tiny_installed(
    tmp_path_factory: pytest.TempPathFactory,
    make_weights_folder: Callable[[Path, str, Path], WeightsEntry],
) -> Iterator[str]:
    """The id of the weights `TINY`, which are installed."""
    folder = tmp_path_factory.mktemp("weights")
    entry = make_weights_folder(folder, "tiny-1", TINY)
    write_manifest(folder, {"tiny-1": replace(entry, kind="integer", source="tiny-0")})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FOLDERS_VARIABLE, str(folder), prepend=os.pathsep)
        yield "tiny-1"
