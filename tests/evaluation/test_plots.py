from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("matplotlib", reason="needs the extra evaluation")
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from lic.evaluation.plots import rate_distortion_plot


@pytest.mark.parametrize("narrow", [False, True])
def test_no_two_curves_look_alike(monkeypatch: pytest.MonkeyPatch, narrow: bool) -> None:
    def curves(count: int) -> dict[str, dict[str, list[float]]]:
        return {str(i): {"bpp": [0.1, 0.2], "psnr": [i, i + 1.0]} for i in range(count)}

    figures: list[Any] = []
    monkeypatch.setattr(Figure, "savefig", lambda self, *_, **__: figures.append(self))
    rate_distortion_plot(curves(12), curves(25), "psnr", "svg", narrow)
    lines = figures[0].axes[0].lines
    assert len(lines) == 37
    looks = {(to_hex(i.get_color()), i.get_linestyle(), i.get_marker()) for i in lines}
    assert len(looks) == 37
    solid = [line.get_linestyle() == "-" for line in lines]
    assert solid == [True] * 12 + [False] * 25
