"""One picture through several codecs as a part of a page that can be looked into.

Without scripts it is the pictures side by side, with a switch for the map of bits. `viewer.js` adds
the common zoom and the slider between two of them.
"""

from __future__ import annotations

import html
import io
import math
import re
from collections.abc import Sequence

import numpy as np
from PIL import Image, features

from lic.codec.bit_map import BLOCK, BitMap, bit_map, is_lic_file
from lic.codec.pixels import Pixels
from lic.codec.png import png_bytes
from lic.evaluation.compare import Candidate, busiest_crop
from lic.evaluation.heat_map import GRADIENT, painted, top_of
from lic.evaluation.page import Store, embedded, page

_DETAIL = 192
_THUMBNAIL = (144, 96)
_WEBP_SIDE = 16383
# Before src, or a copy of the element would be loaded at once.
_LAZY = 'loading="lazy"'

_TOOLS = """<div class="tools" hidden>
<span class="group" role="group" aria-label="View">
<button type="button" data-mode="slider" aria-pressed="true">Slider</button><button
 type="button" data-mode="grid" aria-pressed="false">Side by side</button></span>
<span class="group" role="group" aria-label="Zoom">
<button type="button" data-zoom="out" aria-label="Zoom out">&minus;</button><output></output><button
 type="button" data-zoom="in" aria-label="Zoom in">+</button><button
 type="button" data-zoom="fit">Fit</button><button type="button" data-zoom="one">1:1</button></span>
<span class="group choice"><label>Left <select class="left"></select></label>
<label>Right <select class="right"></select></label></span>
</div>"""

_STAGE = """<div class="slider" hidden>
<div class="pane stage" tabindex="0" role="group" aria-label="Two pictures, one over the other">
<div class="half"></div><div class="half"></div>
<span class="name"></span><span class="name"></span>
<div class="split" aria-hidden="true"></div></div>
<input class="position" type="range" min="0" max="100" step="0.1" value="50"
 aria-label="How much of the left picture is shown, percent">
<div class="captions"></div>
</div>"""

_HINT = """<p class="hint" hidden>Zoom by the buttons, two fingers, or Ctrl and the wheel; move by
dragging. Keys on a picture: + and &minus; zoom, 0 shows all, 1 is one to one, arrows move.</p>"""


def comparison_page(
    name: str, pixels: Pixels, candidates: Sequence[Candidate], bpp: float
) -> bytes:
    """A page, all in one file, of one picture (height, width, 3) and its candidates near a rate."""
    return page(
        name,
        [
            f"<h1>{html.escape(name)}</h1>",
            f'<p class="lead">At {bpp:g} bits per pixel, or as near as each codec gets.</p>',
            viewer("", pixels, candidates, embedded, "pictures", "picture"),
        ],
    )


def viewer(
    name: str, pixels: Pixels, candidates: Sequence[Candidate], store: Store, folder: str, id: str
) -> str:
    """The part of a page, in HTML, that shows a picture (height, width, 3) and its candidates.

    ``name`` is its heading, if it is not empty. The pictures go to ``store``, in ``folder`` (a
    `Store`'s name). ``id`` is the part's own in the page.
    """
    height, width = pixels.shape[:2]
    maps = [bit_map(c.data) if is_lic_file(c.data) else None for c in candidates]
    known = [each for each in maps if each]
    top = top_of(known) if known else 0.0
    side = min(_DETAIL, height, width)
    y, x = (place + side / 2 for place in busiest_crop(pixels, side))
    size = f"{width} &times; {height}"
    figures = [_figure("original", [size], pixels, None, top, store, f"{folder}/0")]
    for i, (candidate, bits) in enumerate(zip(candidates, maps, strict=True), start=1):
        quality = "without loss" if math.isinf(candidate.psnr) else f"{candidate.psnr:.2f} dB"
        facts = [f"{candidate.bpp:.3f} bpp", quality, _size(len(candidate.data))]
        figures.append(
            _figure(candidate.name, facts, candidate.pixels, bits, top, store, f"{folder}/{i}")
        )
    switch = '<label class="switch"><input type="checkbox" class="show-bits"> Bit map</label>'
    return "\n".join(
        [
            f'<section class="viewer" id="{id}" data-x="{x:g}" data-y="{y:g}">',
            f"<h3>{html.escape(name)}</h3>" if name else "",
            f'<div class="bar">{_TOOLS}{switch if any(maps) else ""}</div>',
            _STAGE,
            f'<div class="grid">{"".join(figures)}</div>',
            _HINT,
            "</section>",
        ]
    )


def chooser(entries: Sequence[tuple[str, str, Pixels]], store: Store, folder: str) -> str:
    """Links with small pictures to viewers, each by its id, its name and its picture."""
    links = []
    for id, name, pixels in entries:
        small = Image.fromarray(pixels)
        small.thumbnail(_THUMBNAIL)
        url = store(f"{folder}/{id}.png", png_bytes(np.asarray(small)))
        text = html.escape(name)
        links.append(
            f'<a href="#{id}" title="{text}"><img {_LAZY} src="{url}" alt="" width="{small.width}" '
            f'height="{small.height}"><span>{text}</span></a>'
        )
    return f'<nav class="chooser" aria-label="Pictures">{"".join(links)}</nav>'


def file_name(text: str) -> str:
    """A part of a `Store`'s name that people recognise."""
    return re.sub(r"[^A-Za-z0-9]+", "-", text)[:40].strip("-") or "picture"


def _figure(
    name: str,
    facts: Sequence[str],
    pixels: Pixels,
    bits: BitMap | None,
    top: float,
    store: Store,
    stem: str,
) -> str:
    """A picture and its map of bits, on a scale up to ``top``, in files named after ``stem``."""
    height, width = pixels.shape[:2]
    stem = f"{stem}-{file_name(name)}"
    kind, data = _lossless(pixels)
    text = html.escape(name)
    picture = (
        f'<img class="picture" {_LAZY} src="{store(f"{stem}.{kind}", data)}" width="{width}" '
        f'height="{height}" alt="{text}" draggable="false">'
    )
    caption = " ".join([f"<b>{text}</b>", *(f'<span class="fact">{f}</span>' for f in facts)])
    if bits is not None:
        rows, columns = bits.blocks.shape
        url = store(f"{stem}-bits.png", png_bytes(painted(bits.blocks, top)))
        picture += (
            f'<img class="bits" {_LAZY} src="{url}" width="{BLOCK * columns}" '
            f'height="{BLOCK * rows}" style="--share: {BLOCK * columns / width}" '
            f'alt="" draggable="false">'
        )
        caption += _legend(bits, top)
    return (
        f'<figure data-name="{text}"><div class="pane" tabindex="0" role="group" '
        f'aria-label="{text}">{picture}</div><figcaption>{caption}</figcaption></figure>'
    )


def _legend(bits: BitMap, top: float) -> str:
    whole = sum(bits.parts.values())
    shares = "; ".join(f"{100 * b / whole:.1f} % {part}" for part, b in bits.parts.items() if b)
    return (
        f'<span class="legend"><span class="scale">0 <i style="background: '
        f'linear-gradient(90deg, {GRADIENT})"></i> {top:.0f} bits per {BLOCK} &times; '
        f"{BLOCK}</span> <span>{shares}</span></span>"
    )


def _lossless(pixels: Pixels) -> tuple[str, bytes]:
    """A picture file's suffix and bytes: WebP where it can, which takes two thirds of PNG."""
    if max(pixels.shape) > _WEBP_SIDE or not features.check("webp"):
        return "png", png_bytes(pixels)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", lossless=True, quality=50, method=2)
    return "webp", buffer.getvalue()


def _size(count: int) -> str:
    return f"{count} B" if count < 1000 else f"{count / 1000:.1f} kB"
