from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

pytest.importorskip("matplotlib", reason="needs the extra evaluation")
from lic.evaluation import anchors
from lic.evaluation.report import spread, write_report


def test_columns_and_tables_of_nothing_are_left_out(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / "a.png")
    names = ("setting", "bpp", "psnr", "ms_ssim", "ms_ssim_db", "encode_s", "decode_s")
    columns = {name: [1.0, 2.0] for name in (*names, "encode_mb", "decode_mb")}
    columns["lpips"] = [math.nan, math.nan]
    summary = {
        "codecs": {"mine": columns},
        "bd_rate": {"mine": {}},
        "bd_rate_by_picture": {"mine": {}},
        "skipped": {},
    }
    pictures = [tmp_path / "a.png"]
    write_report(tmp_path, summary, [], pictures, pictures, 0.3, {})
    page = (tmp_path / "report.html").read_text()
    assert ">MS-SSIM</th>" in page
    assert "LPIPS" not in page
    assert "BD-rate" not in page
    summary["bd_rate"] = {"mine": {}, "other": {"mine": -3.0}}
    write_report(tmp_path, summary, [], pictures, pictures, 0.3, {})
    page = (tmp_path / "report.html").read_text()
    assert '<tr><th scope="row">other</th><td>-3.0</td></tr>' in page
    assert '<tr><th scope="row">mine</th>' not in page


@given(st.integers(1, 40), st.integers(1, 50))
def test_shown_pictures_are_spread_from_the_first_to_the_last(pictures: int, count: int) -> None:
    paths = [Path(str(i)) for i in range(pictures)]
    found = [int(path.name) for path in spread(paths, count)]
    assert len(found) == min(pictures, count)
    assert found == sorted(set(found))
    assert found[0] == 0
    if len(found) > 1:
        assert found[-1] == pictures - 1
        gaps = np.diff(found)
        assert gaps.max() - gaps.min() <= 1


def test_published_curves_are_for_the_pictures_of_kodak_by_their_pixels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(0)
    paths = [tmp_path / f"kodim{i:02}.png" for i in range(1, 25)]
    for path in paths:
        Image.fromarray(random.integers(0, 256, (4, 4, 3), np.uint8)).save(path)
    assert not anchors.are_kodak(paths)
    known = [anchors.pixel_digest(path) for path in paths]
    monkeypatch.setattr("lic.evaluation.anchors.known_pictures", lambda: frozenset(known))
    renamed = [path.rename(path.with_name(f"other-{path.name}")) for path in paths]
    assert anchors.are_kodak(renamed)
    assert not anchors.are_kodak(renamed[:-1])
    assert not anchors.are_kodak([*renamed[:-1], renamed[0]])
    assert len(anchors.kodak()) > 10
