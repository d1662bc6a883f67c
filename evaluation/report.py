"""An evaluation as files: summary, plots, and one self-contained page."""

from __future__ import annotations

import html
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lic.codec.errors import LicError
from lic.codec.output import write_file
from lic.codec.picture import read_picture
from lic.evaluation.codecs import Codec
from lic.evaluation.compare import contact_sheet, nearest_rate
from lic.evaluation.page import image, page, table
from lic.evaluation.plots import rate_distortion_plot

_COLUMNS = {
    "setting": "{:g}",
    "bpp": "{:.4f}",
    "psnr": "{:.2f}",
    "ms_ssim": "{:.4f}",
    "lpips": "{:.4f}",
    "encode_s": "{:.2f}",
    "decode_s": "{:.2f}",
    "encode_mb": "{:.0f}",
    "decode_mb": "{:.0f}",
}

REFERENCE = "AVIF"
"""The codec against which every picture's BD-rate is shown."""


def write_report(
    out: Path,
    summary: Mapping[str, Any],
    codecs: Sequence[Codec],
    pictures: Sequence[Path],
    sheet_bpp: float,
    published: Mapping[str, Mapping[str, Any]],
) -> None:
    """Write summary.json, psnr and ms_ssim plots (PNG, SVG) and report.html to the folder ``out``.

    The plot of PSNR has the ``published`` curves, too. The page shows contact sheets of the first,
    middle and last picture at ``sheet_bpp``.
    """
    text = json.dumps(_strict(summary), indent=1, allow_nan=False)
    write_file(out / "summary.json", (text + "\n").encode())
    curves = summary["codecs"]
    parts = ["<h1>Rate and distortion</h1>", f"<p>{len(pictures)} pictures, by real files.</p>"]
    for metric, name in (("psnr", "psnr"), ("ms_ssim_db", "ms_ssim")):
        others = published if metric == "psnr" else {}
        for kind in ("png", "svg"):
            write_file(out / f"{name}.{kind}", rate_distortion_plot(curves, others, metric, kind))
        parts.append(image((out / f"{name}.png").read_bytes()))
    if any(summary["bd_rate"].values()):
        parts += ["<h2>BD-rate (PSNR), percent; negative: fewer bits than the row's codec</h2>"]
        parts += [_matrix(summary["bd_rate"], list(curves))]
    if rates := summary["bd_rate_by_picture"].get(REFERENCE):
        parts += [f"<h2>BD-rate against {REFERENCE}, picture by picture</h2>", _by_picture(rates)]
        parts.append("<p>none: no quality is common; mean and worst are of the others.</p>")
    for name, columns in curves.items():
        parts += [f"<h2>{html.escape(name)}</h2>", _columns(columns)]
    parts.append(f"<h2>At {sheet_bpp:g} bits per pixel</h2>")
    for index in sorted({0, len(pictures) // 2, len(pictures) - 1}):
        pixels = read_picture(pictures[index])
        sheet = contact_sheet(pixels, [nearest_rate(c, pixels, sheet_bpp) for c in codecs])
        buffer = io.BytesIO()
        sheet.save(buffer, "PNG")
        parts += [f"<h3>{html.escape(pictures[index].name)}</h3>", image(buffer.getvalue())]
    if summary["skipped"]:
        parts.append("<h2>Skipped</h2>")
        parts += [f"<p>{html.escape(reason)}</p>" for reason in summary["skipped"].values()]
    write_file(out / "report.html", page("lic", parts))


def _strict(value: Any) -> Any:
    """The value with null for the numbers that JSON does not know (not a number, infinity)."""
    if isinstance(value, Mapping):
        return {key: _strict(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_strict(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _matrix(rates: Mapping[str, Mapping[str, float]], names: Sequence[str]) -> str:
    shown = [name for name in names if any(name in row for row in rates.values())]
    rows = [
        [anchor, *(f"{row[name]:+.1f}" if name in row else "" for name in shown)]
        for anchor, row in rates.items()
        if row
    ]
    return table(["against", *shown], rows)


def _by_picture(rates: Mapping[str, Mapping[str, Any]]) -> str:
    def row(name: str, percents: Iterable[float]) -> list[str]:
        return [name, *("none" if math.isnan(p) else f"{p:+.1f}" for p in percents)]

    pictures = next(iter(rates.values()))["pictures"]
    rows = [row(key, (each[key] for each in rates.values())) for key in ("mean", "worst")]
    rows += [row(p, (each["pictures"][p] for each in rates.values())) for p in pictures]
    return table(["picture", *rates], rows)


def _columns(columns: Mapping[str, Sequence[float]]) -> str:
    """A table of all columns that have a number."""
    shown = {k: f for k, f in _COLUMNS.items() if not all(map(math.isnan, columns[k]))}
    rows = [
        [form.format(columns[key][i]) for key, form in shown.items()]
        for i in range(len(columns["bpp"]))
    ]
    return table(list(shown), rows)


class EmptyEvaluationError(LicError):
    """There is nothing to evaluate."""

    exit_code = 13
