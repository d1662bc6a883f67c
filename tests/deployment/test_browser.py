"""The decoder in WebAssembly gives the pixels of the native one, in a browser.

On one thread and, where the server isolates pages from other sites, on several.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from lic import codec
from lic.codec.container import Header, read_container
from lic.codec.errors import LicError, LimitError

from .conftest import DATA, QUICK, ROOT, SMALL, SMALL_ID, run

if TYPE_CHECKING:
    from ..browser import Browser

THREADS = 3
LOAD = f"""(async () => {{
  const {{ Lic }} = await import("./lic.js");
  globalThis.lic = await Lic.load("weights.safetensors", undefined, {THREADS});
}})()"""
DECODE = """(async () => {
  const bytes = await (await fetch(DATA)).arrayBuffer();
  try {
    const { width, height, data } = lic.decode(bytes, MAX_PIXELS);
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", data));
    return { width, height, digest: [...digest], info: lic.info(bytes) };
  } catch (error) {
    return { status: error.status, message: error.message };
  }
})()"""
CLOSE = """(() => {
  let ended = 0;
  const terminate = Worker.prototype.terminate;
  Worker.prototype.terminate = function () {
    ended += 1;
    terminate.call(this);
  };
  lic.close();
  return ended;
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
    options = [*QUICK, f"-DLIC_WEIGHTS={SMALL}"]
    run("emcmake", "cmake", "-S", ROOT / "deployment", "-B", build, *options)
    run("cmake", "--build", build, "--parallel", "2")
    return build / "site"


@pytest.fixture(scope="module", params=["plain", "isolated"])
def address(site: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of the site, while it is served by any server, and with threads by its own."""
    if request.param == "isolated":
        command = [sys.executable, ROOT / "deployment/web/serve.py", site, "0"]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdout=pipe, stderr=subprocess.DEVNULL, text=True) as own:
            assert own.stdout
            yield own.stdout.readline().strip().rstrip("/")
            own.terminate()
        return
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture
def isolated(address: str, request: pytest.FixtureRequest) -> bool:
    """Whether the server lets pages have threads."""
    return bool(request.node.callspec.params["address"] == "isolated")


def outcome(browser: Browser, data: bytes, max_pixels: int = 2**26) -> Any:
    """What the page's decoder makes of a file."""
    script = DECODE.replace("DATA", json.dumps(data_url(data)))
    return browser.run(script.replace("MAX_PIXELS", str(max_pixels)))


def assert_decodes(browser: Browser, name: str, data: bytes) -> None:
    """Fails unless a page's decoder gives the native one's pixels."""
    found = outcome(browser, data)
    assert "status" not in found, f"{name}: {found}"
    wanted = np.asarray(codec.decode_picture(data).to_image().convert("RGBA"))
    assert (found["height"], found["width"]) == wanted.shape[:2]
    assert bytes(found["digest"]) == hashlib.sha256(wanted.tobytes()).digest(), name
    assert found["info"]["weightsId"] == SMALL_ID
    assert found["info"]["quality"] == codec.read_header(data).quality / 100


def test_a_browser_decodes_to_the_same_pixels_and_errors(
    browser: Browser, address: str, isolated: bool, files: dict[str, bytes]
) -> None:
    browser.open(f"{address}/index.html")
    assert browser.run("crossOriginIsolated") == isolated
    browser.run(LOAD)
    assert browser.run("lic.threads") == (THREADS if isolated else 1)
    for name, data in files.items():
        assert_decodes(browser, name, data)

    truncated, other = outcome(browser, files["quality 50"][:-9]), outcome(browser, bytes(40))
    assert truncated["status"] == 5
    assert "truncated" in truncated["message"]
    assert other["status"] == 4
    # The checksum fits; what is damaged is found while threads work.
    random = np.random.default_rng(2)
    container = read_container(files[f"{SMALL_ID}-q10"], 2**22)
    for _ in range(12):
        stream = bytearray(container.streams[0])
        stream[random.integers(len(stream))] ^= 1 << int(random.integers(8))
        damaged = replace(container, streams=(bytes(stream),)).to_bytes()
        with pytest.raises(LicError) as error:
            codec.decode_picture(damaged)
        assert outcome(browser, damaged)["status"] == error.value.exit_code

    # Of sides that take all addresses of 32 bits, and all of the memory that threads share.
    for side in (2**15, 2**14)[: 1 + isolated]:
        header = Header(side, side, 5000, 0, 32)
        large = replace(container, header=header, streams=container.streams * header.tiles)
        too_large = outcome(browser, large.to_bytes(), side**2)
        assert too_large["status"] == LimitError.exit_code
    assert_decodes(browser, "after errors", files["quality 50"])
    assert browser.run(CLOSE) == (THREADS - 1 if isolated else 0)


def test_one_thread_decodes_where_no_other_starts(
    browser: Browser, address: str, files: dict[str, bytes]
) -> None:
    browser.open(f"{address}/index.html?alone")
    browser.run("{ const Any = Worker; Worker = function () { return new Any('none.js'); } }")
    browser.run(LOAD)
    assert browser.run("lic.threads") == 1
    assert_decodes(browser, "alone", files["quality 50"])


def test_a_page_shows_a_linked_picture_and_asks_for_nothing_from_elsewhere(
    browser: Browser, address: str, isolated: bool, site: Path
) -> None:
    (site / "in.lic").write_bytes((DATA / f"{SMALL_ID}-q10.lic").read_bytes())
    # The page is another one than before, and so is loaded anew.
    browser.open(f"{address}/index.html?linked#in.lic")
    assert browser.run(SHOWN).startswith("in.lic: 512 x 512, 4408 bytes, ")
    cores = browser.run("navigator.hardwareConcurrency")
    threads = f"Ready: {min(cores, 8)} threads." if isolated and cores > 1 else "Ready."
    assert browser.run("state.textContent") == threads
    assert browser.complaints() == []
    assert all(url.startswith(address) for url in browser.requests())


def test_one_page_needs_no_server(browser: Browser, site: Path) -> None:
    data = (DATA / f"{SMALL_ID}-q10.lic").read_bytes()
    browser.open(f"{(site / 'lic.html').as_uri()}#{data_url(data)}")
    assert f": 512 x 512, {len(data)} bytes, " in browser.run(SHOWN)
    assert browser.requests() == [(site / "lic.html").as_uri()]


def test_the_other_page_says_which_one_needs_no_server(browser: Browser, site: Path) -> None:
    browser.open(site / "index.html")
    assert "lic.html" in browser.run("state.textContent")
