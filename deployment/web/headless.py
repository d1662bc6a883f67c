"""Decodes files in a headless Chromium, and compares them with the decoder of this machine.

``python headless.py SITE FILES...`` prints the time of each, the fastest of three; SITE is a folder
that ``make_site.py`` made. Needs Chromium and the package lic.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import Any

import numpy as np
from numpy.typing import NDArray

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SECONDS = 120
_PAGE = """<!doctype html><script type="module">
import { Lic } from "./lic.js";
const post = (name, body) => fetch(`/result/${name}`, { method: "POST", body });
try {
  const lic = await Lic.load("WEIGHTS");
  for (const name of FILES) {
    const bytes = await (await fetch(`/file/${name}`)).arrayBuffer();
    let result, pixels = new Uint8Array();
    try {
      let time = Infinity, picture;
      for (let i = 0; i < 3; ++i) {
        const start = performance.now();
        picture = lic.decode(bytes);
        time = Math.min(time, performance.now() - start);
      }
      pixels = picture.data;
      result = { width: picture.width, height: picture.height, time, ...lic.info(bytes) };
    } catch (error) {
      result = { status: error.status, message: error.message };
    }
    await post(`${name}/pixels`, pixels);
    await post(name, JSON.stringify(result));
  }
} catch (error) {
  await post("failed", String(error));
}
</script>"""


@dataclass
class Outcome:
    """What a browser made of a file."""

    result: dict[str, Any]
    """Width, height, time in ms and what the file says; or an error's status and message."""
    pixels: bytes = field(repr=False)
    """RGBA, row by row; none of a file that does not decode."""

    def array(self) -> NDArray[np.uint8]:
        """The pixels (height, width, 4)."""
        shape = (self.result["height"], self.result["width"], 4)
        return np.frombuffer(self.pixels, np.uint8).reshape(shape)


class _Handler(SimpleHTTPRequestHandler):
    """Serves a site, a page that decodes files, and these; and takes what becomes of them."""

    def __init__(
        self, *args: Any, page: str, files: Sequence[bytes], results: Queue[Any], **kwargs: Any
    ) -> None:
        self._page, self._files, self._results = page, files, results
        super().__init__(*args, **kwargs)

    def do_GET(self) -> None:
        """A file of the site, or one of the two others."""
        if self.path == "/decode.html":
            self._send(self._page.encode(), "text/html")
        elif self.path.startswith("/file/"):
            self._send(self._files[int(self.path.removeprefix("/file/"))], "application/lic")
        else:
            super().do_GET()

    def do_POST(self) -> None:
        """A part of a result."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self._results.put((self.path.removeprefix("/result/"), body))
        self._send(b"", "text/plain")

    def _send(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


def find_browser() -> str | None:
    """The path of a Chromium, if there is one."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def browser_command(browser: str, profile: Path, url: str) -> list[str]:
    """How to open a page without a window."""
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run")
    return [browser, *options, f"--user-data-dir={profile}", url]


def decode_in_browser(browser: str, site: Path, files: Sequence[bytes]) -> list[Outcome]:
    """What a browser makes of files; raises RuntimeError if the page itself fails."""
    results: Queue[Any] = Queue()
    weights = next(site.glob("*.safetensors")).name
    page = _PAGE.replace("WEIGHTS", weights).replace("FILES", json.dumps(list(range(len(files)))))
    handler = partial(_Handler, directory=str(site), page=page, files=files, results=results)
    found: dict[str, bytes] = {}
    with (
        ThreadingHTTPServer(("127.0.0.1", 0), handler) as server,
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile,
    ):
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/decode.html"
        program = subprocess.Popen(
            browser_command(browser, Path(profile), url),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            while len(found) < 2 * len(files) and "failed" not in found:
                name, body = results.get(timeout=SECONDS)
                found[name] = body
        except Empty:
            found["failed"] = b"the browser does not answer"
        finally:
            program.kill()
            program.wait()
            server.shutdown()
    if "failed" in found:
        raise RuntimeError(found["failed"].decode())
    names = map(str, range(len(files)))
    return [Outcome(json.loads(found[name]), found[f"{name}/pixels"]) for name in names]


class _DevTools:
    """The two pipes of Chromium's DevTools protocol: JSON, each message with a zero at its end."""

    def __init__(self, browser: str, profile: Path) -> None:
        commands, self._commands = map(_beyond_usual, os.pipe())
        self._answers, answers = map(_beyond_usual, os.pipe())

        def place() -> None:
            os.dup2(commands, 3)
            os.dup2(answers, 4)

        self._program = subprocess.Popen(
            [*browser_command(browser, profile, "about:blank"), "--remote-debugging-pipe"],
            preexec_fn=place,
            pass_fds=(3, 4),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(commands)
        os.close(answers)
        self._count, self._read = 0, b""

    def call(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """The result of a method."""
        self._count += 1
        message = {"id": self._count, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while True:
            answer, end, rest = self._read.partition(b"\0")
            if not end:
                more = os.read(self._answers, 2**16)
                if not more:
                    raise RuntimeError("the browser has ended")
                self._read += more
                continue
            self._read = rest
            fields: dict[str, Any] = json.loads(answer)
            if fields.get("id") == self._count:
                result: dict[str, Any] = fields["result"]
                return result

    def close(self) -> None:
        """End the browser."""
        self._program.kill()
        self._program.wait()
        os.close(self._commands)
        os.close(self._answers)


def _beyond_usual(descriptor: int) -> int:
    """The same pipe by a number that no other takes in the browser."""
    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD, 10)
    os.close(descriptor)
    return moved


def value_in_page(browser: str, url: str, expression: str, seconds: float = SECONDS) -> Any:
    """The value of an expression of JavaScript in a page, as soon as it is true, or at the end."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        tools = _DevTools(browser, Path(profile))
        try:
            target = tools.call("Target.createTarget", url=url)["targetId"]
            attached = tools.call("Target.attachToTarget", targetId=target, flatten=True)
            end = time.monotonic() + seconds
            while True:
                result = tools.call(
                    "Runtime.evaluate",
                    attached["sessionId"],
                    expression=expression,
                    returnByValue=True,
                )
                value = result["result"].get("value")
                if value or time.monotonic() > end:
                    return value
                time.sleep(0.1)
        finally:
            tools.close()


def _main(site: Path, paths: Sequence[Path]) -> None:
    from lic import codec

    browser = find_browser()
    if browser is None:
        sys.exit("there is no Chromium")
    files = [path.read_bytes() for path in paths]
    for path, data, outcome in zip(
        paths, files, decode_in_browser(browser, site, files), strict=True
    ):
        picture = codec.decode_picture(data).to_image().convert("RGBA")
        same = np.array_equal(np.asarray(picture), outcome.array())
        print(f"{path}: {outcome.result['time']:.0f} ms, {'the same' if same else 'OTHER'} pixels")


if __name__ == "__main__":
    _main(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
