"""The decoder in WebAssembly gives the pixels of the native one, in a browser."""

from __future__ import annotations

import base64
import importlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from lic import codec

from .conftest import DATA, QUICK, ROOT, run


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


SHOWN = "document.querySelector('canvas') && document.querySelector('figcaption').textContent"


def test_one_page_shows_pictures_from_a_folder_that_is_not_served(
    headless: ModuleType, browser: str, site: Path
) -> None:
    """The picture is in the page's address, since a page cannot choose files by itself."""
    data = (DATA / "small-3-q10.lic").read_bytes()
    picture = "data:application/lic;base64," + base64.b64encode(data).decode()
    url = f"{(site / 'lic.html').as_uri()}#{picture}"
    shown = headless.value_in_page(browser, url, SHOWN)
    assert f": 512 x 512, {len(data)} bytes, " in shown


def test_other_pages_say_which_one_needs_no_server(
    headless: ModuleType, browser: str, site: Path
) -> None:
    url = (site / "index.html").as_uri()
    assert "lic.html" in headless.value_in_page(browser, url, "state?.textContent")
