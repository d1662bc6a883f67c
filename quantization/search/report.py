"""Pictures of a search: the front among all that was rated, and an architecture block by block."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from lic.codec.errors import extra
from lic.quantization.search.evolution import Rated, points_of
from lic.quantization.search.space import Choice

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLUMNS = 11
"""Sites in a row of an architecture's picture."""


def _figure(width: float, height: float) -> Figure:
    """A figure of inches; raises MissingPackageError without matplotlib."""
    with extra("matplotlib", "training"):
        from matplotlib.figure import Figure

    return Figure((width, height), layout="constrained")


def _svg(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def front_picture(rated: Sequence[Rated], front: Sequence[Rated], cost: str) -> bytes:
    """All ratings and the front, as SVG; ``cost`` names the axis."""
    figure = _figure(7, 4.5)
    axes = figure.subplots()
    every, best = points_of(rated), points_of(front)
    axes.scatter(every[:, 1], every[:, 0], s=9, color="0.65", label="rated")
    axes.step(best[:, 1], best[:, 0], where="post", color="tab:blue")
    axes.scatter(best[:, 1], best[:, 0], s=22, color="tab:blue", label="front")
    low, high = float(best[:, 0].min()), float(best[:, 0].max())
    span = (high - low) or 1.0
    axes.set_ylim(low - 0.05 * span, high + 0.15 * span)
    axes.set_xlabel(cost)
    axes.set_ylabel("rate-distortion loss")
    axes.legend(frameon=False)
    axes.grid(alpha=0.25)
    return _svg(figure)


def architecture_picture(choices: Mapping[str, Choice]) -> bytes:
    """A network as SVG, site by site: wide boxes have wide branches, dark ones many weight bits.

    In a box stand the kernel and the expansion, and the bits of weights and activations.
    """
    rows = -(-len(choices) // _COLUMNS)
    figure = _figure(13, 0.4 + 1.3 * rows)
    axes = figure.subplots()
    for place, (name, choice) in enumerate(choices.items()):
        row, column = divmod(place, _COLUMNS)
        shape = choice.shape
        width = 0.8 if shape is None else 0.3 + 0.3 * shape.expansion
        shade = choice.bits.weights / 16 if choice.present else 0.0
        edge = "0.3" if choice.present else "0.8"
        axes.bar(column, 0.55, width, -row - 0.3, facecolor=_blue(shade), edgecolor=edge)
        bits = f"w{choice.bits.weights} a{choice.bits.activations}"
        text = bits if choice.present else "absent"
        if shape is not None:
            text = f"{shape.kernel}x{shape.kernel}, x{shape.expansion:g}\n{text}"
        colour = "white" if shade > 0.5 else "black"
        axes.text(column, -row - 0.02, text, ha="center", va="center", fontsize=7, color=colour)
        stage, _, last = name.rpartition(".")
        axes.text(column, -row + 0.3, f"{stage}\n.{last}", ha="center", va="bottom", fontsize=5.5)
    axes.set_xlim(-0.7, _COLUMNS - 0.3)
    axes.set_ylim(-rows + 0.5, 0.75)
    axes.axis("off")
    return _svg(figure)


def _blue(shade: float) -> tuple[float, float, float]:
    """White at 0, dark blue at 1."""
    return (1 - 0.95 * shade, 1 - 0.7 * shade, 1 - 0.35 * shade)
