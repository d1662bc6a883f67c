from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from lic.cli.main import main
from lic.codec import DEFAULT_WEIGHTS
from lic.codec.errors import PictureError


def lic(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(a) for a in arguments])


@pytest.mark.torch
def test_eval_measures_real_files_and_lists_what_it_skips(tmp_path: Path, picture: Path) -> None:
    pictures, out = tmp_path / "pictures", tmp_path / "report"
    pictures.mkdir()
    picture.rename(pictures / "a.png")
    (pictures / "broken.png").write_text("x")
    Image.new("RGBA", (9, 9)).save(pictures / "transparent.png")
    Image.open(pictures / "a.png").convert("L").save(pictures / "gray.png")
    words = ("eval", pictures, "--quality", "10,50,90", "--peers", "jpeg", "--out", out)
    result = lic(*words)
    assert result.exit_code == 0, result.output
    summary = json.loads((out / "summary.json").read_text())
    measured = summary["codecs"][DEFAULT_WEIGHTS]
    assert measured["bpp"] == sorted(measured["bpp"])
    assert measured["psnr"] == sorted(measured["psnr"])
    assert {Path(p).name for p in summary["skipped"]} == {"broken.png", "transparent.png"}
    assert set(summary["codecs"]) == set(summary["bd_rate"]) > {"JPEG 4:2:0"}  # none of Kodak
    assert "VTM" not in result.output
    page = (out / "report.html").read_text()
    assert "VTM" not in page
    # Two pictures to look at, and the plots within the page.
    assert page.count('<section class="viewer"') == 2
    assert page.count("data:image/svg+xml;base64,") == 4
    for url in re.findall(r'src="(shown/[^"]*)"', page):
        with Image.open(out / url) as image:
            image.load()
    for name in ("psnr.png", "psnr.svg", "ms_ssim.png", "ms_ssim.svg"):
        assert (out / name).stat().st_size > 1000
    table = (out / "pictures.csv").read_bytes()
    assert lic(*words).exit_code == 0
    assert (out / "pictures.csv").read_bytes() == table
    result = lic(*words, "--manifest")
    assert (result.exit_code, "for the points on Kodak" in result.output) == (2, True)


def test_compare_makes_a_contact_sheet(tmp_path: Path, picture: Path) -> None:
    sheet = tmp_path / "sheet.png"
    result = lic("compare", picture, sheet, "--bpp", 0.8, "--peers", "jpeg,webp")
    assert result.exit_code == 0, result.output
    with Image.open(sheet) as image:
        assert image.width > 1200
    assert "JPEG 4:4:4" in result.output


def test_compare_makes_a_page_by_the_suffix(tmp_path: Path, picture: Path) -> None:
    target = tmp_path / "page.HTML"
    result = lic("compare", picture, target, "--bpp", 0.8, "--peers", "jpeg")
    assert result.exit_code == 0, result.output
    page = target.read_text()
    assert page.count("<figure") == 4  # the original, lic, JPEG twice
    assert page.count('class="bits"') == 1
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["in.png", "page.HTML"]


def test_compare_refuses_other_suffixes_before_it_codes(tmp_path: Path, picture: Path) -> None:
    result = lic("compare", picture, tmp_path / "page.pdf")
    assert (result.exit_code, "suffix" in result.output) == (PictureError.exit_code, True)
    assert not (tmp_path / "page.pdf").exists()
