"""Rate-distortion plots by matplotlib."""

from __future__ import annotations

import io
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from lic.codec.errors import extra

# The ten colours of matplotlib's cycle, with one kind of line or point after the other.
_COLOURS = [f"C{i}" for i in range(10)]
_MEASURED = list(itertools.product(("o-", "s-", "^-", "D-", "v-"), _COLOURS))
_PUBLISHED = list(itertools.product(("--", ":", "-."), _COLOURS))
# Width and height in inches.
_WIDE = (11, 6)
_NARROW = (4.8, 6.5)
_LABELS = {"psnr": "PSNR (dB)", "ms_ssim_db": "MS-SSIM (dB)"}


def rate_distortion_plot(
    curves: Mapping[str, Mapping[str, Any]],
    published: Mapping[str, Mapping[str, Any]],
    metric: str,
    kind: str,
    narrow: bool = False,
) -> bytes:
    """A picture file of curves of ``metric`` ("psnr" or "ms_ssim_db") over bpp.

    ``curves`` are drawn solid with their points, ``published`` ones with dashes; no two look alike.
    ``kind`` is "png" or "svg". A ``narrow`` plot, for telephones, has the names of the curves below
    it. Raises MissingPackageError without matplotlib.
    """
    figure = _figure(_NARROW if narrow else _WIDE)
    axes = figure.add_subplot(
        xlabel="bits per pixel (whole file)", ylabel=_LABELS[metric], xlim=(0, 1.7)
    )
    for drawn, styles in ((curves, _MEASURED), (published, _PUBLISHED)):
        for (name, curve), (style, colour) in zip(drawn.items(), styles, strict=False):
            points = [
                (b, q)
                for b, q in zip(curve["bpp"], curve.get(metric, ()), strict=False)
                if b <= 1.7 and math.isfinite(q)
            ]
            if points:
                axes.plot(
                    *zip(*points, strict=True), style, color=colour, label=name, lw=1.4, ms=3.5
                )
    axes.grid(alpha=0.3)
    if axes.has_data():
        if narrow:
            figure.legend(fontsize=8, loc="outside lower center", ncols=2)
        else:
            axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    return _rendered(figure, kind)


class TrainingPoint(Protocol):
    """Running means of a training after a step."""

    @property
    def step(self) -> int:
        """Number of the step."""

    @property
    def loss(self) -> float:
        """What the training minimises."""

    @property
    def bpp(self) -> float:
        """Estimated rate."""

    @property
    def psnr(self) -> float:
        """In dB."""

    @property
    def learning_rate(self) -> float:
        """The optimizer's."""


class ValidationPoint(Protocol):
    """Means over held-out pictures, measured after a step."""

    @property
    def step(self) -> int:
        """Number of the step."""

    @property
    def quality(self) -> float:
        """0 to 1."""

    @property
    def bpp(self) -> float:
        """Estimated rate."""

    @property
    def psnr(self) -> float:
        """In dB."""


_CURVES = {
    "loss": "loss",
    "bpp": "bits per pixel",
    "psnr": "PSNR (dB)",
    "learning_rate": "learning rate",
}


def training_plot(
    history: Sequence[TrainingPoint], validations: Sequence[ValidationPoint]
) -> bytes:
    """A PNG of a training's loss, rate, PSNR and learning rate over its steps.

    Raises MissingPackageError without matplotlib.
    """
    figure = _figure(_WIDE)
    for place, (name, label) in enumerate(_CURVES.items(), start=1):
        axes = figure.add_subplot(2, 2, place, xlabel="step", ylabel=label)
        steps = [point.step for point in history]
        axes.plot(steps, [getattr(point, name) for point in history], lw=1, label="training")
        if name in ("bpp", "psnr"):
            for quality in sorted({point.quality for point in validations}):
                points = [point for point in validations if point.quality == quality]
                axes.plot(
                    [point.step for point in points],
                    [getattr(point, name) for point in points],
                    "o-",
                    ms=3,
                    label=f"held out, quality {100 * quality:.0f}",
                )
            axes.legend(fontsize=7)
        axes.grid(alpha=0.3)
    if history and all(point.loss > 0 for point in history):
        figure.axes[0].set_yscale("log")
    return _rendered(figure, "png")


def _figure(size: tuple[float, float]) -> Any:
    with extra("matplotlib", "evaluation"):
        from matplotlib.figure import Figure
    return Figure(figsize=size, layout="constrained")


def _rendered(figure: Any, kind: str) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, dpi=130)
    return buffer.getvalue()
