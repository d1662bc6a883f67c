from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray

from lic.cli.main import main
from lic.codec import DEFAULT_WEIGHTS
from lic.codec.picture import read_picture
from lic.evaluation import hard_pictures
from lic.evaluation.codecs import PillowCodec
from lic.evaluation.drawing import clouds, disc, gradient, noise, random_integers, text, text_width
from lic.evaluation.sweep import Row, summarise

SET = {
    "checkerboards": (384, 512, "0426458d492c9001"),
    "film-grain": (383, 511, "46cef5b9ea0484f4"),
    "gradients": (384, 512, "d04459b7feec10ea"),
    "gratings-coloured": (384, 511, "8c944b5db4aae35b"),
    "gratings-gray": (384, 511, "b59749cb464ca1e6"),
    "interface": (384, 512, "7d9b6b6ba38b3738"),
    "mosaic-coarse": (384, 512, "fc66861015cffa7a"),
    "mosaic-fine": (383, 509, "446173134efbc3f7"),
    "mosaic-noisy": (384, 512, "fbb594cecff4f9bf"),
    "plot": (379, 513, "a0a0385a44c89f04"),
    "screenshot": (381, 510, "44d380369d2eaf8e"),
    "text-black": (383, 509, "e034048905166058"),
    "text-coloured": (384, 512, "39816d52dfe6102c"),
    "textile-printed": (384, 512, "0e71155a7e5d2f4d"),
    "textile-woven": (385, 511, "58e0b0f6b3a61875"),
    "zone-plate": (384, 512, "da974e3c92ce5a72"),
}
"""Height, width and the beginning of the digest of each picture's pixels."""


@pytest.fixture(scope="module")
def pictures() -> dict[str, NDArray[np.uint8]]:
    return hard_pictures.hard_pictures()


def test_the_set_has_its_names_and_sizes(pictures: dict[str, NDArray[np.uint8]]) -> None:
    assert list(pictures) == sorted(SET)
    assert {name: pixels.shape for name, pixels in pictures.items()} == {
        name: (height, width, 3) for name, (height, width, _) in SET.items()
    }


@pytest.mark.parametrize("name", SET)
def test_no_pixel_of_the_set_changes(name: str, pictures: dict[str, NDArray[np.uint8]]) -> None:
    assert pictures[name].dtype == np.uint8
    assert hashlib.sha256(pictures[name].tobytes()).hexdigest().startswith(SET[name][2])


def test_the_set_is_written_as_it_is_drawn(
    tmp_path: Path, pictures: dict[str, NDArray[np.uint8]]
) -> None:
    paths = hard_pictures.write_hard_pictures(tmp_path)
    assert [path.stem for path in paths] == list(pictures)
    for path in paths:
        assert np.array_equal(read_picture(path), pictures[path.stem])


def test_random_integers_use_their_whole_range_alone() -> None:
    assert set(random_integers(1, (100, 10), 7).ravel().tolist()) == set(range(7))
    bell = noise(1, (200, 200), 10)
    assert abs(bell).max() <= 20
    assert abs(bell.mean()) < 0.2
    assert 0 <= clouds(1, 50, 70, 5).min() <= clouds(1, 50, 70, 5).max() < 4096


def test_a_disc_is_round_and_may_leave_the_picture() -> None:
    picture = np.zeros((41, 41, 3), np.uint8)
    disc(picture, 20, 20, 15, (255, 0, 0))
    assert np.array_equal(picture, picture[::-1])
    assert np.array_equal(picture, picture.transpose(1, 0, 2))
    assert abs(picture[:, :, 0].sum() / 255 - np.pi * 15**2) < 2
    before = picture.copy()
    for row, column in ((-50, 5), (5, -50), (90, 5), (5, 90)):
        disc(picture, row, column, 8, (0, 255, 0))
    assert np.array_equal(picture, before)
    disc(picture, 0, 0, 8, (0, 255, 0))
    assert tuple(picture[0, 0]) == (0, 255, 0)


def test_a_gradient_goes_from_its_first_colour_to_its_last() -> None:
    picture = gradient(11, 2, (0, 10, 100), (10, 0, 100))
    assert picture[:, 1].tolist() == [[i, 10 - i, 100] for i in range(11)]


@pytest.mark.parametrize(("size", "levels"), [(8, 2), (24, 2), (11, 3)])
def test_text_is_crisp_at_multiples_of_the_glyphs_height(size: int, levels: int) -> None:
    picture = np.full((size, text_width("Hg", size), 3), 255, np.uint8)
    text(picture, 0, 0, "Hg", size, (0, 0, 0))
    found = np.unique(picture)
    assert {0, 255} <= set(found.tolist())
    assert (len(found) == levels) if levels == 2 else (len(found) >= levels)


def test_text_that_does_not_fit_is_cut() -> None:
    picture = np.full((8, 20, 3), 255, np.uint8)
    text(picture, 4, 10, "Wide words", 11, (0, 0, 0))
    assert picture[4:, 10:].min() == 0
    assert picture[:4].min() == picture[:, :10].min() == 255


@pytest.mark.torch
def test_eval_measures_the_set_against_its_peers_alone(
    tmp_path: Path, budgie: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = {"one": budgie[100:140, 200:260], "two": budgie[200:250, 100:150]}
    monkeypatch.setattr(hard_pictures, "hard_pictures", lambda: tiny)
    words = ("eval", "--set", "hard", "--quality", "10,90", "--peers", "jpeg", "--out")
    result = CliRunner().invoke(main, [*words, str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert {path.name for path in (tmp_path / "pictures").iterdir()} == {"one.png", "two.png"}
    summary = json.loads((tmp_path / "summary.json").read_text())
    peers = {DEFAULT_WEIGHTS, "JPEG 4:2:0", "JPEG 4:4:4"}
    assert set(summary["bd_rate"]) == set(summary["bd_rate_by_picture"]) == peers
    rates = summary["bd_rate_by_picture"]["JPEG 4:4:4"][DEFAULT_WEIGHTS]
    assert set(rates["pictures"]) == {"one.png", "two.png"}
    assert rates["worst"] == rates["pictures"][rates["worst_picture"]]
    assert rates["worst"] == max(rates["pictures"].values()) < 0
    assert rates["mean"] == pytest.approx(sum(rates["pictures"].values()) / 2)
    assert rates["without"] == []
    assert f"{DEFAULT_WEIGHTS}:\n" in result.output  # without the BD-rate against AVIF


def test_pictures_without_a_common_quality_are_listed_and_not_averaged() -> None:
    codecs = [PillowCodec(name, (1.0, 2.0, 3.0), "PNG") for name in ("anchor", "codec")]
    curves = {
        ("anchor", "twice"): ((1, 30), (2, 33), (4, 36)),
        ("codec", "twice"): ((2, 30), (4, 33), (8, 36)),
        # It gets worse in the end.
        ("anchor", "falling"): ((1, 30), (2, 33), (4, 36)),
        ("codec", "falling"): ((3, 30), (6, 33), (8, 32)),
        ("anchor", "below"): ((1, 30), (2, 33), (4, 36)),
        ("codec", "below"): ((1, 10), (2, 13), (4, 16)),
    }
    rows = [
        Row(codec.version, setting, picture, bpp, psnr, 0.9, 0.1, 1, 1, 1, 1)
        for codec in codecs
        for picture in ("twice", "falling", "below")
        for setting, (bpp, psnr) in zip(codec.settings, curves[codec.name, picture], strict=True)
    ]
    rates = summarise(codecs, rows, {})["bd_rate_by_picture"]["anchor"]["codec"]
    assert rates["pictures"]["twice"] == pytest.approx(100)
    assert rates["pictures"]["falling"] == pytest.approx(200)
    assert rates["without"] == ["below"]
    assert rates["mean"] == pytest.approx(150)
    assert (rates["worst"], rates["worst_picture"]) == (rates["pictures"]["falling"], "falling")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "give either FOLDER or --set"),
        ((".", "--set", "hard"), "give either FOLDER or --set"),
        (("--set", "hard", "--manifest"), "--manifest is for the points on Kodak"),
    ],
)
def test_a_folder_and_a_set_exclude_each_other(
    tmp_path: Path, words: tuple[str, ...], sentence: str
) -> None:
    result = CliRunner().invoke(main, ["eval", *words, "--out", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert sentence in result.output
    assert not (tmp_path / "out").exists()
