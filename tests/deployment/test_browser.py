"""The decoder in WebAssembly gives the pixels of the native one, in a browser."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from lic import codec

from .conftest import DATA, QUICK, ROOT, run

if TYPE_CHECKING:
    from ..browser import Browser

LOAD = """(async () => {
  const { Lic } = await import("./lic.js");
  globalThis.lic = await Lic.load("small-3.safetensors");
})()"""
DECODE = """(async () => {
  const bytes = await (await fetch(DATA)).arrayBuffer();
  try {
    const { width, height, data } = lic.decode(bytes);
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", data));
    return { width, height, digest: [...digest], info: lic.info(bytes) };
  } catch (error) {
    return { status: error.status, message: error.message };
  }
})()"""
SHOWN = """new Promise((done) => {
  const look = () => document.querySelector("canvas")
    ? done(document.querySelector("figcaption").textContent) : setTimeout(look, 50);
  look();
})"""


def data_url(data: bytes) -> str:
    """A URL that holds a file."""
    return f"data:application/lic;base64,{base64.b64encode(data).decode()}"


class Quiet(SimpleHTTPRequestHandler):
    """A server that prints nothing."""

    def log_message(self, format: str, *args: Any) -> None: ...


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Path:
    """The folder that a web server serves."""
    for tool in ("cmake", "emcmake"):
        if not shutil.which(tool):
            pytest.skip(f"needs {tool}: Emscripten makes WebAssembly")
    build = tmp_path_factory.mktemp("web")
    run("emcmake", "cmake", "-S", ROOT / "deployment", "-B", build, *QUICK)
    run("cmake", "--build", build, "--parallel", "2")
    return build / "site"


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """The address of the site, while it is served."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_a_browser_decodes_to_the_same_pixels_and_errors(
    browser: Browser, address: str, files: dict[str, bytes]
) -> None:
    browser.open(f"{address}/index.html")
    browser.run(LOAD)

    def outcome(data: bytes) -> Any:
        return browser.run(DECODE.replace("DATA", json.dumps(data_url(data))))

    for name, data in files.items():
        found = outcome(data)
        assert "status" not in found, f"{name}: {found}"
        wanted = np.asarray(codec.decode_picture(data).to_image().convert("RGBA"))
        assert (found["height"], found["width"]) == wanted.shape[:2]
        assert bytes(found["digest"]) == hashlib.sha256(wanted.tobytes()).digest(), name
        assert found["info"]["weightsId"] == "small-3"
        assert found["info"]["quality"] == codec.read_header(data).quality / 100
    truncated, other = outcome(files["quality 50"][:-9]), outcome(bytes(40))
    assert truncated["status"] == 5
    assert "truncated" in truncated["message"]
    assert other["status"] == 4


def test_a_page_shows_a_linked_picture_and_asks_for_nothing_from_elsewhere(
    browser: Browser, address: str, site: Path
) -> None:
    (site / "in.lic").write_bytes((DATA / "small-3-q10.lic").read_bytes())
    # The page is another one than before, and so is loaded anew.
    browser.open(f"{address}/index.html?linked#in.lic")
    assert browser.run(SHOWN).startswith("in.lic: 512 x 512, 4564 bytes, ")
    assert browser.complaints() == []
    assert all(url.startswith(address) for url in browser.requests())


def test_one_page_needs_no_server(browser: Browser, site: Path) -> None:
    data = (DATA / "small-3-q10.lic").read_bytes()
    browser.open(f"{(site / 'lic.html').as_uri()}#{data_url(data)}")
    assert f": 512 x 512, {len(data)} bytes, " in browser.run(SHOWN)
    assert browser.requests() == [(site / "lic.html").as_uri()]


def test_the_other_page_says_which_one_needs_no_server(browser: Browser, site: Path) -> None:
    browser.open(site / "index.html")
    assert "lic.html" in browser.run("state.textContent")
