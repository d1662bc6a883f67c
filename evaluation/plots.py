"""Rate-distortion plots by matplotlib."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import Any

from lic.codec.errors import MissingPackageError

_LABELS = {"psnr": "PSNR (dB)", "ms_ssim_db": "MS-SSIM (dB)"}


def rate_distortion_plot(
    curves: dict[str, dict[str, Any]],
    published: dict[str, dict[str, Any]],
    metric: str,
    kind: str,
) -> bytes:
    """A picture file of curves of ``metric`` ("psnr" or "ms_ssim_db") over bpp.

    ``curves`` are drawn solid with their points, ``published`` ones dashed; ``kind`` is "png" or
    "svg". Raises MissingPackageError without matplotlib.
    """
    figure = _figure()
    axes = figure.add_subplot(
        xlabel="bits per pixel (whole file)", ylabel=_LABELS[metric], xlim=(0, 1.7)
    )
    from matplotlib import colormaps

    axes.set_prop_cycle(color=colormaps["tab20"].colors)  # type: ignore[attr-defined]
    for drawn, style in ((curves, "o-"), (published, "--")):
        for name, curve in drawn.items():
            points = [
                (b, q)
                for b, q in zip(curve["bpp"], curve.get(metric, ()), strict=False)
                if b <= 1.7 and math.isfinite(q)
            ]
            if points:
                axes.plot(*zip(*points, strict=True), style, label=name, lw=1.4, ms=3.5)
    axes.grid(alpha=0.3)
    if axes.has_data():
        axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    return _rendered(figure, kind)


def training_plot(
    history: Sequence[Sequence[float]], validations: Sequence[Sequence[float]]
) -> bytes:
    """A PNG of a training's loss, rate and PSNR over its steps.

    ``history`` has rows of step, seconds, loss, bpp, PSNR, learning rate; ``validations`` of step,
    quality (0 to 1), bpp, PSNR. Raises MissingPackageError without matplotlib.
    """
    figure = _figure()
    names = ("loss", "bits per pixel", "PSNR (dB)", "learning rate")
    for index, name in enumerate(names):
        axes = figure.add_subplot(2, 2, index + 1, xlabel="step", ylabel=name)
        axes.plot([r[0] for r in history], [r[2 + index] for r in history], lw=1, label="training")
        if index in (1, 2):
            for quality in sorted({row[1] for row in validations}):
                rows = [row for row in validations if row[1] == quality]
                label = f"held out, quality {100 * quality:.0f}"
                axes.plot(
                    [r[0] for r in rows], [r[1 + index] for r in rows], "o-", ms=3, label=label
                )
            axes.legend(fontsize=7)
        axes.grid(alpha=0.3)
    if history and all(row[2] > 0 for row in history):
        figure.axes[0].set_yscale("log")
    return _rendered(figure, "png")


def _figure() -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingPackageError.of("matplotlib", "evaluation") from error
    return Figure(figsize=(11, 6), layout="constrained")


def _rendered(figure: Any, kind: str) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, dpi=130)
    return buffer.getvalue()
