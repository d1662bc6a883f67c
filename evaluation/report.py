"""An evaluation as files: summary, plots, and a page with the pictures to look at."""

from __future__ import annotations

import html
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lic.codec.errors import LicError
from lic.codec.output import write_file
from lic.codec.picture import read_picture
from lic.evaluation.codecs import Codec
from lic.evaluation.compare import nearest_rate
from lic.evaluation.page import Store, beside, embedded, page, plot, table
from lic.evaluation.plots import rate_distortion_plot
from lic.evaluation.viewer import chooser, file_name, viewer

# The columns of a codec's table: their titles and forms.
_COLUMNS = {
    "setting": ("setting", "{:g}"),
    "bpp": ("bpp", "{:.4f}"),
    "psnr": ("PSNR (dB)", "{:.2f}"),
    "ms_ssim": ("MS-SSIM", "{:.4f}"),
    "lpips": ("LPIPS", "{:.4f}"),
    "encode_s": ("encode (s)", "{:.2f}"),
    "decode_s": ("decode (s)", "{:.2f}"),
    "encode_mb": ("encode (MB)", "{:.0f}"),
    "decode_mb": ("decode (MB)", "{:.0f}"),
}
_METRICS = {"psnr": ("psnr", "PSNR"), "ms_ssim_db": ("ms_ssim", "MS-SSIM")}

REFERENCE = "AVIF"
"""The codec against which every picture's BD-rate is shown."""
SHOWN = "shown"
"""The folder beside the page with the pictures that it shows."""


def write_report(
    out: Path,
    summary: Mapping[str, Any],
    codecs: Sequence[Codec],
    pictures: Sequence[Path],
    shown: Sequence[Path],
    bpp: float,
    published: Mapping[str, Mapping[str, Any]],
) -> None:
    """Write summary.json, psnr and ms_ssim plots (PNG, SVG) and report.html to the folder ``out``.

    The plot of PSNR has the ``published`` curves, too. The page lets look into the pictures
    ``shown`` as all codecs have them at the rate nearest to ``bpp``; they go to the folder `SHOWN`.
    """
    text = json.dumps(_strict(summary), indent=1, allow_nan=False)
    write_file(out / "summary.json", (text + "\n").encode())
    curves = summary["codecs"]
    parts = [
        "<h1>Rate and distortion</h1>",
        f'<p class="lead">{len(pictures)} pictures, by real files: rates are those of whole files, '
        "distortion is that of the decoded pictures.</p>",
    ]
    for metric, (name, title) in _METRICS.items():
        others = published if metric == "psnr" else {}
        for kind in ("png", "svg"):
            write_file(out / f"{name}.{kind}", rate_distortion_plot(curves, others, metric, kind))
        wide, narrow = (
            embedded("plot.svg", rate_distortion_plot(curves, others, metric, "svg", narrow=each))
            for each in (False, True)
        )
        parts.append(plot(wide, f"{title} over bits per pixel", narrow))
    if any(summary["bd_rate"].values()):
        parts.append("<h2>BD-rate</h2>")
        parts.append("<p>By PSNR, in percent; negative: fewer bits than the row's codec.</p>")
        parts.append(_matrix(summary["bd_rate"], list(curves)))
    parts.append(f"<h2>Pictures at {bpp:g} bits per pixel</h2>")
    parts += _viewers(shown, codecs, bpp, beside(out))
    if rates := summary["bd_rate_by_picture"].get(REFERENCE):
        parts += [f"<h2>BD-rate against {REFERENCE}, picture by picture</h2>", _by_picture(rates)]
        parts.append("<p>none: no quality is common; mean and worst are of the others.</p>")
    parts.append("<h2>All points</h2>")
    for name, columns in curves.items():
        title = f"<summary>{html.escape(name)}</summary>"
        parts.append(f"<details>{title}{_columns(columns)}</details>")
    if summary["skipped"]:
        parts.append("<h2>Skipped</h2>")
        parts += [f"<p>{html.escape(reason)}</p>" for reason in summary["skipped"].values()]
    write_file(out / "report.html", page("Rate and distortion", parts))


def spread(pictures: Sequence[Path], count: int) -> list[Path]:
    """Up to so many of the pictures, the first and the last among them if there are two or more."""
    last, gaps = len(pictures) - 1, max(min(count, len(pictures)) - 1, 1)
    places = {round(i * last / gaps) for i in range(min(count, len(pictures)))}
    return [pictures[place] for place in sorted(places)]


def _viewers(shown: Sequence[Path], codecs: Sequence[Codec], bpp: float, store: Store) -> list[str]:
    """A chooser of pictures, if there are several, and their viewers."""
    entries, viewers = [], []
    for number, path in enumerate(shown, start=1):
        pixels, id = read_picture(path), f"picture-{number}"
        candidates = [nearest_rate(codec, pixels, bpp) for codec in codecs]
        folder = f"{SHOWN}/{number}-{file_name(path.stem)}"
        viewers.append(viewer(path.name, pixels, candidates, store, folder, id))
        entries.append((id, path.name, pixels))
    return [chooser(entries, store, SHOWN), *viewers] if len(shown) > 1 else viewers


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
        [form.format(columns[key][i]) for key, (_, form) in shown.items()]
        for i in range(len(columns["bpp"]))
    ]
    return table([title for title, _ in shown.values()], rows)


class EmptyEvaluationError(LicError):
    """There is nothing to evaluate."""

    exit_code = 13
