from __future__ import annotations

import io
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from lic import codec
from lic.codec.picture import read_picture
from lic.evaluation.compare import Candidate
from lic.evaluation.metrics import psnr
from lic.evaluation.page import beside, page, table
from lic.evaluation.viewer import chooser, comparison_page, file_name, viewer

if TYPE_CHECKING:
    from ..browser import Browser

EVIL = "<script>alert(1)</script>&\"'.png"
GRID = "document.querySelector('[data-mode=grid]').click()"
BITS = "document.querySelector('.show-bits').click()"
# The part of the picture's pixels that the first visible pane is scaled to.
ZOOM = (
    "new DOMMatrix(getComputedStyle([...document.querySelectorAll('.pane img')]"
    ".find((i) => i.checkVisibility())).transform).a"
)


def candidates(pixels: NDArray[np.uint8]) -> list[Candidate]:
    """A decoded lic file, and a gray picture of no lic file without loss."""
    data = codec.encode(pixels, 10)
    decoded = codec.decode(data)
    bpp = 8 * len(data) / (pixels.size / 3)
    other = np.full_like(pixels, 128)
    return [
        Candidate("small-3", 10.0, bpp, psnr(pixels, decoded), decoded, data),
        Candidate("<i>other</i>", 1.0, 24.0, math.inf, other, b"no lic file"),
    ]


@pytest.fixture(scope="module")
def pixels(budgie: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(budgie[:300, 100:550])


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory, pixels: NDArray[np.uint8]) -> Path:
    """A page of one picture."""
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_bytes(comparison_page(EVIL, pixels, candidates(pixels), 0.2))
    return path


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory, pixels: NDArray[np.uint8]) -> Path:
    """A page of two pictures, with files beside it, and a table that is too wide for telephones."""
    folder = tmp_path_factory.mktemp("report")
    names = {"one": "one.png", "two": f"{60 * 'long'}.png"}
    store = beside(folder)
    viewers = [
        viewer(name, pixels, candidates(pixels), store, f"shown/{id}", id)
        for id, name in names.items()
    ]
    entries = [(id, name, pixels) for id, name in names.items()]
    wide = table(["picture", *(f"column {i}" for i in range(30))], [[60 * "x", *(30 * ["0.0"])]])
    parts = ["<h1>Report</h1>", chooser(entries, store, "shown"), *viewers, wide]
    (folder / "report.html").write_bytes(page("Report", parts))
    return folder / "report.html"


def test_names_are_text_and_never_markup(comparison: Path) -> None:
    text = comparison.read_text()
    assert "<script>alert" not in text
    assert "<i>other" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&amp;&quot;&#x27;.png" in text


def test_a_page_of_one_picture_is_one_file(comparison: Path) -> None:
    urls = re.findall(r'(?:src|href|srcset)="([^"]*)"', comparison.read_text())
    assert len(urls) == 4  # three pictures and a map
    assert all(url.startswith("data:image/") for url in urls)


def test_files_beside_a_page_hold_the_pictures_without_loss(
    several: Path, pixels: NDArray[np.uint8]
) -> None:
    urls = re.findall(r'src="([^"]*)"', several.read_text())
    assert len(urls) == 2 + 2 * 4
    assert all(re.fullmatch(r"shown/[A-Za-z0-9./-]+", url) for url in urls)
    (original,) = (several.parent / "shown" / "one").glob("0-original.*")
    assert (read_picture(original) == pixels).all()


def test_only_lic_files_have_a_map(pixels: NDArray[np.uint8], tmp_path: Path) -> None:
    lic, other = candidates(pixels)
    assert 'class="bits"' in viewer("a", pixels, [lic], beside(tmp_path), "a", "a")
    without = viewer("a", pixels, [other], beside(tmp_path), "a", "a")
    assert "bits" not in without
    assert "without loss" in without


@pytest.mark.parametrize(
    ("text", "name"),
    [("kodim01", "kodim01"), ("JPEG 4:2:0", "JPEG-4-2-0"), ("../..\\x", "x"), ("雀", "picture")],
)
def test_names_of_files_are_plain(text: str, name: str) -> None:
    assert file_name(text) == name


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("name", ["comparison", "several"])
def test_a_page_fits_its_window_and_asks_for_nothing_from_elsewhere(
    browser: Browser, request: pytest.FixtureRequest, name: str, width: int, dark: bool
) -> None:
    path: Path = request.getfixturevalue(name)
    browser.open(path, width, dark=dark)
    overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    for action in ("0", BITS, GRID):
        browser.run(action)
        browser.settle()
        assert browser.run(overflow) == 0
    assert browser.complaints() == []
    folder = path.resolve().parent.as_uri()
    assert all(url.startswith(folder) for url in browser.requests())
    assert browser.run("[...document.images].every((i) => !i.checkVisibility() || i.naturalWidth)")
    background = browser.run("getComputedStyle(document.body).backgroundColor")
    level = int(re.findall(r"\d+", background)[0])
    assert level < 60 if dark else level > 200


@pytest.mark.parametrize("width", [1280, 390])
def test_the_slider_shows_more_of_the_one_picture_or_of_the_other(
    browser: Browser, comparison: Path, width: int
) -> None:
    browser.open(comparison, width)
    browser.run("document.querySelectorAll('select')[1].selectedIndex = 2")
    browser.run("document.querySelectorAll('select')[1].dispatchEvent(new Event('change'))")

    def gray() -> float:
        """Which part of the stage shows the second picture, which is all gray."""
        browser.settle()
        shown = read_picture(io.BytesIO(browser.screenshot(".stage")))
        return float((abs(shown.astype(int) - 128).max(axis=2) < 3).mean())

    def move(value: float) -> float:
        browser.run(
            f"(() => {{ const s = document.querySelector('.position'); s.value = {value};"
            "s.dispatchEvent(new Event('input')); })()"
        )
        return gray()

    assert move(100) < 0.02
    whole = move(0)
    assert whole > 0.7
    assert move(50) == pytest.approx(whole / 2, abs=0.05)
    box = browser.run(
        "(() => { const b = document.querySelector('.stage').getBoundingClientRect();"
        "return [b.x, b.y, b.width, b.height]; })()"
    )
    x, y, across, down = box
    ends = ((x + 2, y + down / 2), (x + 0.75 * across, y + down / 2))
    if width < 600:
        browser.touch([ends[0]], [ends[1]])
    else:
        browser.drag(*ends)
    assert gray() == pytest.approx(whole / 4, abs=0.06)
    assert browser.run("+document.querySelector('.position').value") == pytest.approx(75, abs=0.3)
    browser.run("document.querySelector('.position').focus()")
    browser.press("Home")
    assert gray() == pytest.approx(whole, abs=0.01)


def test_buttons_keys_and_the_wheel_zoom_and_drags_move(browser: Browser, comparison: Path) -> None:
    browser.open(comparison, 1280)
    fit = browser.run(ZOOM)
    press = "document.querySelector('[data-zoom={}]').click()"
    browser.run(press.format("in"))
    assert browser.run(ZOOM) == pytest.approx(2 * fit)
    for _ in range(9):
        browser.run(press.format("in"))
    assert browser.run(ZOOM) == 32
    assert browser.run("document.querySelector('output').textContent") == "3200 %"
    browser.run(press.format("fit"))
    assert browser.run(ZOOM) == fit
    browser.run("document.querySelector('.stage').focus()")
    browser.press("+")
    assert browser.run(ZOOM) == pytest.approx(2 * fit)
    browser.press("0")
    assert browser.run(ZOOM) == fit
    x, y = browser.run(
        "(() => { const b = document.querySelector('.stage')"
        ".getBoundingClientRect(); return [b.x + 100, b.y + 100]; })()"
    )
    browser.mouse("mouseWheel", x, y, deltaX=0, deltaY=-200, modifiers=2)
    assert browser.run(ZOOM) == pytest.approx(2 * fit)
    place = "document.querySelector('.stage img').style.transform"
    before = browser.run(place)
    browser.drag((x, y), (x - 60, y - 40))
    after = browser.run(place)
    numbers = [[float(n) for n in re.findall(r"-?[\d.]+", text)] for text in (before, after)]
    assert [b - a for a, b in zip(*numbers, strict=True)] == [-60, -40, 0]


def test_two_fingers_zoom_and_all_pictures_show_the_same_place(
    browser: Browser, comparison: Path
) -> None:
    browser.open(comparison, 390)
    browser.run(GRID)
    browser.settle()
    assert browser.run(ZOOM) == 1
    x, y = browser.run(
        "(() => { const b = document.querySelector('.grid .pane')"
        ".getBoundingClientRect(); return [b.x + 80, b.y + 80]; })()"
    )
    fingers = [[(x - d, y), (x + d, y)] for d in (15, 30, 45)]
    browser.touch(*fingers)
    assert browser.run(ZOOM) == pytest.approx(3, rel=0.05)
    transforms = browser.run(
        "[...document.querySelectorAll('.grid .picture')].map((i) => i.style.transform)"
    )
    assert len(transforms) == 3
    assert len(set(transforms)) == 1


@pytest.mark.parametrize("scripts", [True, False])
def test_the_map_of_bits_is_over_the_decoded_picture_when_it_is_asked_for(
    browser: Browser, comparison: Path, scripts: bool
) -> None:
    browser.open(comparison, 1280, scripts=scripts)
    if scripts:
        browser.run(GRID)
    pane = "figure:nth-of-type(2) .pane"

    def shown() -> NDArray[np.uint8]:
        with Image.open(io.BytesIO(browser.screenshot(pane))) as image:
            return np.asarray(image.convert("RGB")).astype(np.uint8)

    without = shown()
    browser.run(BITS)
    assert browser.run(f"document.querySelector('{pane} .bits').checkVisibility()")
    assert browser.run("document.querySelector('figure:nth-of-type(2) .legend').innerText")
    assert (abs(shown().astype(int) - without).mean(axis=2) > 8).mean() > 0.5
    browser.run(BITS)
    assert not browser.run(f"document.querySelector('{pane} .bits').checkVisibility()")
    assert (shown() == without).all()


def test_without_scripts_all_pictures_are_shown(browser: Browser, several: Path) -> None:
    browser.open(several, 1280, scripts=False)
    assert browser.run(
        "[...document.querySelectorAll('figure')].map((f) => f.checkVisibility())"
    ) == 6 * [True]
    assert not browser.run("document.querySelector('.tools').checkVisibility()")


def test_links_choose_the_picture(browser: Browser, several: Path) -> None:
    browser.open(several, 1280)
    visible = "[...document.querySelectorAll('.viewer')].map((v) => v.checkVisibility())"
    assert browser.run(visible) == [True, False]
    browser.run("document.querySelectorAll('.chooser a')[1].click()")
    assert browser.run(visible) == [False, True]
    assert browser.run("document.querySelector('[aria-current]').hash") == "#two"
    browser.settle()
    assert browser.complaints() == []
