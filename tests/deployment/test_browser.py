"""The decoder in WebAssembly gives the pixels of the native one, in a browser."""

from __future__ import annotations

import importlib
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from lic import codec

from .conftest import QUICK, ROOT, run


@pytest.fixture(scope="module")
def headless() -> Iterator[ModuleType]:
    """The module that runs a browser."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "deployment/web")
        yield importlib.import_module("headless")


@pytest.fixture(scope="module")
def browser(headless: ModuleType) -> str:
    """The path of a Chromium."""
    path: str | None = headless.find_browser()
    if path is None:
        pytest.skip("needs Chromium")
    return path


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, browser: str) -> Path:
    """The folder that a web server serves."""
    for tool in ("cmake", "emcmake"):
        if not shutil.which(tool):
            pytest.skip(f"needs {tool}: Emscripten makes WebAssembly")
    build = tmp_path_factory.mktemp("web")
    run("emcmake", "cmake", "-S", ROOT / "deployment", "-B", build, *QUICK)
    run("cmake", "--build", build, "--parallel", "2")
    return build / "site"


def test_a_browser_shows_the_same_pixels_and_the_same_errors(
    headless: ModuleType, browser: str, site: Path, files: dict[str, bytes]
) -> None:
    damaged = {"truncated": files["quality 50"][:-9], "no file": bytes(40)}
    all_files = {**files, **damaged}
    outcomes = headless.decode_in_browser(browser, site, list(all_files.values()))
    for (name, data), outcome in zip(all_files.items(), outcomes, strict=True):
        if name in damaged:
            continue
        wanted = np.asarray(codec.decode_picture(data).to_image().convert("RGBA"))
        np.testing.assert_array_equal(outcome.array(), wanted, name)
        assert outcome.result["weightsId"] == "small-3"
        assert outcome.result["quality"] == codec.read_header(data).quality / 100
    assert [outcome.result["status"] for outcome in outcomes[-len(damaged) :]] == [5, 4]
    assert "truncated" in outcomes[-2].result["message"]


@pytest.mark.parametrize(("page", "state"), [("lic.html", "Ready."), ("index.html", "Loading.")])
def test_one_page_works_from_a_folder_that_is_not_served(
    headless: ModuleType, browser: str, site: Path, tmp_path: Path, page: str, state: str
) -> None:
    command = headless.browser_command(browser, tmp_path, (site / page).as_uri())
    command[1:1] = ["--virtual-time-budget=60000", "--dump-dom"]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=120).stdout
    found = re.search(r'<p id="state"[^>]*>([^<]*)', shown)
    assert found
    assert found[1].startswith(state)
