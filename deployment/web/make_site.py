"""Puts beside lic.wasm what a browser needs, and all of it into one page.

``python make_site.py SITE WEIGHTS``: SITE is the folder of lic.wasm, and any web server can serve
it. Its ``lic.html`` is index.html with everything inside it: browsers load nothing else from a
folder that is not served.
"""

from __future__ import annotations

import base64
import shutil
import sys
from pathlib import Path

SOURCES = Path(__file__).parent
IMPORT = 'import { Lic } from "./lic.js";'


def make_site(site: Path, weights: Path) -> None:
    """Complete a site; ``weights`` is the file that index.html names."""
    for name in ("index.html", "lic.js"):
        shutil.copyfile(SOURCES / name, site / name)
    shutil.copyfile(weights, site / weights.name)
    (site / "lic.html").write_text(_one_page(site, weights.name))


def _one_page(site: Path, weights: str) -> str:
    page = (site / "index.html").read_text()
    replaced = {}
    for name in (weights, "lic.wasm"):
        data = base64.b64encode((site / name).read_bytes()).decode()
        replaced[f'"{name}"'] = f'"data:application/octet-stream;base64,{data}"'
    # Last, since the script has names of files in its comments.
    replaced[IMPORT] = (site / "lic.js").read_text().replace("export class", "class")
    for old, new in replaced.items():
        if page.count(old) != 1:
            raise ValueError(f"index.html does not have {old} once")
        page = page.replace(old, new)
    return page


if __name__ == "__main__":
    make_site(Path(sys.argv[1]), Path(sys.argv[2]))
