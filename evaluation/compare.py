"""One picture through every codec at the same rate, as a contact sheet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from lic.codec.pixels import Pixels
from lic.evaluation.codecs import Codec
from lic.evaluation.metrics import psnr

_SEARCH_STEPS = 9
_CELL = 384
_LABEL = 40
_GAP = 8
_COLUMNS = 4


@dataclass(frozen=True)
class Candidate:
    """A codec's picture (height, width, 3) at the rate nearest to the one that was asked for."""

    name: str
    setting: float
    bpp: float
    psnr: float
    pixels: Pixels
    data: bytes
    """The file."""


def nearest_rate(codec: Codec, pixels: Pixels, bpp: float) -> Candidate:
    """The codec's picture whose rate is nearest to ``bpp``, within the range of its settings."""
    count = pixels.shape[0] * pixels.shape[1]
    low, high = codec.settings[0], codec.settings[-1]
    best: tuple[float, float, bytes] | None = None
    for step in range(_SEARCH_STEPS):
        # The ends first: the rate that was asked for may lie beyond them.
        setting = (low, high)[step] if step < 2 else (low + high) / 2
        data = codec.encode(pixels, setting)
        rate = 8 * len(data) / count
        if best is None or abs(rate - bpp) < abs(8 * len(best[2]) / count - bpp):
            best = (setting, rate, data)
        if step < 2 and (rate >= bpp) == (step == 0):
            break  # even the smallest file is larger, or even the largest is smaller
        if step >= 2:
            low, high = (setting, high) if rate < bpp else (low, setting)
    assert best is not None
    decoded = codec.decode(best[2])
    return Candidate(codec.name, best[0], best[1], psnr(pixels, decoded), decoded, best[2])


def busiest_crop(pixels: Pixels, side: int) -> tuple[int, int]:
    """Top and left of the square with the largest variance, on a grid of half its side."""
    gray = pixels.mean(axis=2)
    height, width = gray.shape
    places = [
        (top, left)
        for top in range(0, max(height - side, 0) + 1, max(side // 2, 1))
        for left in range(0, max(width - side, 0) + 1, max(side // 2, 1))
    ]
    return max(places, key=lambda p: gray[p[0] : p[0] + side, p[1] : p[1] + side].var())


def contact_sheet(pixels: Pixels, candidates: Sequence[Candidate]) -> Image.Image:
    """The original and the candidates: each whole, and one detail at twice its size, labelled."""
    font = ImageFont.load_default(14)
    side = min(_CELL // 2, *pixels.shape[:2])
    top, left = busiest_crop(pixels, side)
    scale = _CELL / pixels.shape[1]
    whole = (_CELL, max(1, round(scale * pixels.shape[0])))
    cell = (_CELL + _GAP, _LABEL + whole[1] + _GAP + _CELL + 2 * _GAP)
    labels = ["original"] + [f"{c.name}\n{c.bpp:.3f} bpp, {c.psnr:.2f} dB" for c in candidates]
    pictures = [pixels] + [c.pixels for c in candidates]
    columns = min(_COLUMNS, len(pictures))
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * cell[0] + _GAP, rows * cell[1] + _GAP), "white")
    draw = ImageDraw.Draw(sheet)
    for i, (label, picture) in enumerate(zip(labels, pictures, strict=True)):
        x, y = _GAP + i % columns * cell[0], _GAP + i // columns * cell[1]
        draw.text((x, y), label, "black", font)
        image = Image.fromarray(np.ascontiguousarray(picture))
        sheet.paste(image.resize(whole, Image.Resampling.LANCZOS), (x, y + _LABEL))
        detail = image.crop((left, top, left + side, top + side))
        zoomed = detail.resize((_CELL, _CELL), Image.Resampling.NEAREST)
        sheet.paste(zoomed, (x, y + _LABEL + whole[1] + _GAP))
    return sheet
