"""Puts beside lic.wasm what a browser needs, and all of it into one page.

``python make_site.py SITE WEIGHTS``: SITE is the folder of lic.wasm, and any web server can serve
it. Its ``lic.html`` is index.html with everything inside it but threads: browsers load nothing else
from a folder that is not served.
"""

from __future__ import annotations

import base64
import shutil
import sys
from pathlib import Path
from urllib.parse import quote

SOURCES = Path(__file__).parent
# As index.html names it.
WEIGHTS = "weights.safetensors"


def make_site(site: Path, weights: Path) -> None:
    """Complete a site; ``weights`` is the file that its page loads."""
    for name in ("index.html", "lic.js", "worker.js"):
        shutil.copyfile(SOURCES / name, site / name)
    shutil.copyfile(weights, site / WEIGHTS)
    (site / "lic.html").write_text(_one_page(site))


def _one_page(site: Path) -> str:
    page = (site / "index.html").read_text()
    wasm = f'"{_data_url(site / "lic.wasm")}"'
    module = (site / "lic.js").read_text().replace("export class", "class")
    module = _replaced(module, 'new URL("lic.wasm", import.meta.url)', wasm)
    worker = _replaced((site / "worker.js").read_text(), 'import { Lic } from "./lic.js";', module)
    # Letters as they are: wasm's have been made of bytes already.
    page = _replaced(page, '"worker.js"', f'"data:text/javascript,{quote(worker, safe="+/=")}"')
    return _replaced(page, f'"{WEIGHTS}"', f'"{_data_url(site / WEIGHTS)}"')


def _data_url(path: Path) -> str:
    return f"data:application/octet-stream;base64,{base64.b64encode(path.read_bytes()).decode()}"


def _replaced(text: str, old: str, new: str) -> str:
    if text.count(old) != 1:
        raise ValueError(f"{old} does not stand once where it should be replaced")
    return text.replace(old, new)


if __name__ == "__main__":
    make_site(Path(sys.argv[1]), Path(sys.argv[2]))
