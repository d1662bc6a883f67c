"""Reports as one self-contained page of HTML."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Sequence

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 75em; margin: 2em auto; padding: 0 1em; }
table { border-collapse: collapse; margin: 1em 0; }
th, td { border: 1px solid #ccc; padding: 0.2em 0.6em; text-align: right; }
th:first-child { text-align: left; }
img { max-width: 100%; }
"""


def page(title: str, parts: Iterable[str]) -> bytes:
    """A whole page of parts in HTML."""
    head = f"<!doctype html><meta charset='utf-8'><title>{html.escape(title)}</title>"
    return (f"{head}<style>{_STYLE}</style>" + "\n".join(parts)).encode()


def image(png: bytes) -> str:
    """A PNG file within the page."""
    return f"<img src='data:image/png;base64,{base64.b64encode(png).decode()}'>"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of texts; the first column names the rows."""
    lines = ["<tr>" + "".join(f"<th>{html.escape(cell)}</th>" for cell in head) + "</tr>"]
    for first, *rest in rows:
        cells = "".join(f"<td>{html.escape(cell)}</td>" for cell in rest)
        lines.append(f"<tr><th>{html.escape(first)}</th>{cells}</tr>")
    return f"<table>{''.join(lines)}</table>"
