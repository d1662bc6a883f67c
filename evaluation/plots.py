"""Rate-distortion plots by matplotlib."""

from __future__ import annotations

import io
import math
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
    try:
        from matplotlib import colormaps
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingPackageError.of("matplotlib", "evaluation") from error
    figure = Figure(figsize=(11, 6), layout="constrained")
    axes = figure.add_subplot(
        xlabel="bits per pixel (whole file)", ylabel=_LABELS[metric], xlim=(0, 1.7)
    )
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
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, dpi=130)
    return buffer.getvalue()
