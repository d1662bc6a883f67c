"""The result of a training as one page: its curves, rate and distortion by real files, and crops.

The process that trained makes it. For results to publish use `lic eval` (`lic.evaluation.report`),
which decodes in other processes and measures all peers.
"""

from __future__ import annotations

import html
import io
import math
import statistics
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lic import codec
from lic.codec.errors import PictureError
from lic.codec.output import write_file
from lic.codec.picture import read_picture
from lic.codec.pixels import Pixels
from lic.codec.weights import Weights
from lic.evaluation import anchors
from lic.evaluation.codecs import peers
from lic.evaluation.compare import Candidate, contact_sheet
from lic.evaluation.metrics import bd_rate, psnr
from lic.evaluation.page import embedded, image, page, plot, table
from lic.evaluation.plots import (
    TrainingPoint,
    ValidationPoint,
    rate_distortion_plot,
    training_plot,
)

_NAME = "this codec"
_QUALITIES = (0.0, 25.0, 50.0, 75.0, 100.0)
_SHOWN_QUALITIES = (15.0, 50.0, 85.0)
_SHOWN_PICTURES = 3
_SIDE = 768


def write_training_report(
    out: Path,
    weights: Weights,
    history: Sequence[TrainingPoint],
    validations: Sequence[ValidationPoint],
    held_out: Sequence[Path],
) -> None:
    """Write ``out``/report.html.

    ``held_out`` are picture files, of which the middle 768x768 pixels are measured. Raises
    MissingPackageError without matplotlib or bjontegaard.
    """
    curves = embedded("training.png", training_plot(history, validations))
    parts = [
        f"<h1>{html.escape(out.name)}</h1>",
        plot(curves, "Loss, rate, PSNR and learning rate over the steps"),
    ]
    pictures = [pixels for path in held_out if (pixels := _middle(path)) is not None]
    if pictures:
        parts += _rates(weights, pictures)
        parts.append("<h2>Details at three qualities</h2>")
        for pixels in pictures[:_SHOWN_PICTURES]:
            buffer = io.BytesIO()
            shown = [_candidate(weights, pixels, quality) for quality in _SHOWN_QUALITIES]
            contact_sheet(pixels, shown).save(buffer, "PNG")
            sheet = embedded("sheet.png", buffer.getvalue())
            parts.append(image(sheet, "The original and the decoded pictures"))
    write_file(out / "report.html", page(out.name, parts))


def _middle(path: Path) -> Pixels | None:
    """The middle of a picture, or None if it cannot be read."""
    try:
        pixels = read_picture(path)
    except PictureError:
        return None
    top, left = (max(side - _SIDE, 0) // 2 for side in pixels.shape[:2])
    return np.ascontiguousarray(pixels[top : top + _SIDE, left : left + _SIDE])


def _candidate(weights: Weights, pixels: Pixels, quality: float) -> Candidate:
    data = codec.encode(pixels, quality, weights)
    decoded = codec.decode(data, weights)
    bpp = 8 * len(data) / (pixels.shape[0] * pixels.shape[1])
    return Candidate(f"quality {quality:g}", quality, bpp, psnr(pixels, decoded), decoded, data)


def _rates(weights: Weights, pictures: Sequence[Pixels]) -> list[str]:
    """The rate-distortion plot, and tables of the points and of BD-rates."""
    measured = [[_candidate(weights, p, quality) for p in pictures] for quality in _QUALITIES]
    mine = {
        "bpp": [statistics.fmean(c.bpp for c in row) for row in measured],
        "psnr": [statistics.fmean(c.psnr for c in row) for row in measured],
    }
    curves = {_NAME: mine}
    for peer in peers(["jpeg", "webp"])[0]:
        curve: dict[str, list[float]] = {"bpp": [], "psnr": []}
        for setting in peer.settings:
            files = [peer.encode(pixels, setting) for pixels in pictures]
            sizes = (8 * len(f) / (p.size / 3) for f, p in zip(files, pictures, strict=True))
            curve["bpp"].append(statistics.fmean(sizes))
            distances = (psnr(p, peer.decode(f)) for f, p in zip(files, pictures, strict=True))
            curve["psnr"].append(statistics.fmean(distances))
        curves[peer.name] = curve
    published = {f"{name} (Kodak)": curve for name, curve in anchors.kodak().items()}
    rates = {
        name: bd_rate(curve["bpp"], curve["psnr"], mine["bpp"], mine["psnr"])
        for name, curve in curves.items()
        if name != _NAME
    }
    return [
        "<h2>Rate and distortion</h2>",
        f"<p>{len(pictures)} held-out pictures, by real files. JPEG and WebP were measured on the "
        "same pictures; dashed curves are published ones on the Kodak pictures, comparable only if "
        "those were the held-out ones.</p>",
        plot(
            embedded("psnr.png", rate_distortion_plot(curves, published, "psnr", "png")),
            "PSNR over bits per pixel",
        ),
        table(
            ["quality", "bpp", "PSNR (dB)"],
            [
                [f"{quality:g}", f"{bpp:.4f}", f"{quality_db:.2f}"]
                for quality, bpp, quality_db in zip(
                    _QUALITIES, mine["bpp"], mine["psnr"], strict=True
                )
            ],
        ),
        "<p>BD-rate, percent (negative: fewer bits than the other):</p>",
        table(
            ["against", _NAME],
            [[n, f"{rate:+.1f}"] for n, rate in rates.items() if not math.isnan(rate)],
        ),
    ]
