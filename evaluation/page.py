"""Reports as a page of HTML that asks no network for anything.

`page.css` and `viewer.js` beside this module become part of each page. What a page shows is in it
(`embedded`) or in a folder beside it (`beside`).
"""

from __future__ import annotations

import base64
import html
from collections.abc import Callable, Iterable, Sequence
from importlib import resources
from pathlib import Path

from lic.codec.output import make_folder, write_file

Store = Callable[[str, bytes], str]
"""Takes a file's name and its bytes, and gives a URL under which the page finds it.

Names are of ASCII letters, digits, dots, hyphens and slashes.
"""

_KINDS = {".png": "image/png", ".svg": "image/svg+xml", ".webp": "image/webp"}
# Nothing from elsewhere, should a name or a picture ever find a way into the markup.
_POLICY = (
    "default-src 'none'; img-src 'self' file: data:; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'"
)


def page(title: str, parts: Iterable[str]) -> bytes:
    """A whole page of parts in HTML."""
    style, script = (
        (resources.files(__package__) / name).read_text("utf-8")
        for name in ("page.css", "viewer.js")
    )
    body = "\n".join(parts)
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<title>{html.escape(title)}</title>
<style>
{style}</style>
<main>
{body}
</main>
<script>
{script}</script>
</html>
""".encode()


def embedded(name: str, data: bytes) -> str:
    """A `Store` that puts a file into the page itself."""
    kind = _KINDS[Path(name).suffix]
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def beside(folder: Path) -> Store:
    """A `Store` that writes files to the page's folder."""

    def store(name: str, data: bytes) -> str:
        path = folder / name
        make_folder(path.parent)
        write_file(path, data)
        return name

    return store


def image(url: str, alternative: str) -> str:
    """A picture, and what it shows in words."""
    return f'<img class="image" src="{url}" alt="{html.escape(alternative)}">'


def plot(url: str, alternative: str, narrow: str | None = None) -> str:
    """A plot on white, and what it shows in words; ``narrow`` is its URL for narrow screens."""
    source = f'<source media="(max-width: 40em)" srcset="{narrow}">' if narrow else ""
    image = f'<img class="image plot" src="{url}" alt="{html.escape(alternative)}">'
    return f"<picture>{source}{image}</picture>"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of texts that scrolls within itself; the first column names the rows."""
    cells = "".join(f'<th scope="col">{html.escape(cell)}</th>' for cell in head)
    lines = [f"<thead><tr>{cells}</tr></thead>"]
    for first, *rest in rows:
        cells = "".join(f"<td>{html.escape(cell)}</td>" for cell in rest)
        lines.append(f'<tr><th scope="row">{html.escape(first)}</th>{cells}</tr>')
    return f'<div class="scroll" tabindex="0"><table>{"".join(lines)}</table></div>'
