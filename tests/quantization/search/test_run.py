from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import torch
from click.testing import CliRunner

from lic.cli.main import main
from lic.codec.manifest import FOLDERS_VARIABLE, WeightsEntry
from lic.codec.weights import load_weights
from lic.quantization.errors import QuantizationError
from lic.quantization.search.gradient import Relaxation
from lic.quantization.search.run import SearchRun, SearchSettings
from lic.quantization.search.space import Architecture

MakeFloatFile = Callable[[str], Path]
MakeFolder = Callable[[Path, str, Path], WeightsEntry]


@pytest.fixture(autouse=True)
def weights(
    tmp_path: Path,
    float_file: MakeFloatFile,
    make_weights_folder: MakeFolder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Float weights of the smallest preset, installed as "mine"."""
    make_weights_folder(tmp_path / "weights", "mine", float_file("tiny"))
    monkeypatch.setenv(FOLDERS_VARIABLE, str(tmp_path / "weights"))


def _settings(pictures: Path, **changes: object) -> SearchSettings:
    values: dict[str, object] = {"evaluations": 26, "supernet_steps": 2, "batch": 2, "crops": 1}
    values["calibration"] = 2
    return SearchSettings("mine", (str(pictures),), **(values | changes))  # type: ignore[arg-type]


def test_a_search_that_was_killed_goes_on_and_its_result_becomes_weights(
    pictures: Path, tmp_path: Path
) -> None:
    told: list[str] = []
    settings = _settings(pictures)
    out = tmp_path / "search"

    def dies(text: str) -> None:
        if text.startswith("9:"):
            raise KeyboardInterrupt
        told.append(text)

    with pytest.raises(KeyboardInterrupt):
        SearchRun(settings, out, dies).run()
    first = (out / "rated.jsonl").read_text()
    assert len(first.splitlines()) == 9
    rated = SearchRun(settings, out, told.append).run()
    assert len({r.architecture for r in rated}) == 26
    assert (out / "rated.jsonl").read_text().startswith(first)
    assert len([text for text in told if text.startswith("supernet")]) == 1

    front = json.loads((out / "front.json").read_text())
    for file in ("front.svg", front[0]["file"].replace(".json", ".svg")):
        assert ElementTree.parse(out / file).getroot().tag.endswith("svg")
    assert [r["cost"] for r in front] == sorted(r["cost"] for r in front)
    assert [r["loss"] for r in front] == sorted((r["loss"] for r in front), reverse=True)
    arguments = ["quantize", "mine", str(pictures), "--id", "found", "--out", str(tmp_path / "new")]
    bits = str(out / front[0]["file"])
    result = CliRunner().invoke(main, [*arguments, "--bits", bits, "--pictures", "2"])
    assert result.exit_code == 0, result.output
    load_weights(tmp_path / "new" / "found.safetensors", "found")


@pytest.mark.parametrize("method", ["quantnas", "greedy", "random", "uniform"])
def test_every_method_gives_a_front(pictures: Path, tmp_path: Path, method: str) -> None:
    settings = _settings(
        pictures, method=method, evaluations=2, weight_bits=(8, 4), activation_bits=(16,)
    )
    assert len(SearchRun(settings, tmp_path / "out", lambda text: None).run()) == 2
    assert json.loads((tmp_path / "out" / "front.json").read_text())


def test_without_steps_architectures_share_the_weights_of_the_source(
    pictures: Path, tmp_path: Path
) -> None:
    settings = _settings(pictures, method="uniform", evaluations=1, supernet_steps=0)
    search = SearchRun(settings, tmp_path / "out", lambda text: None)
    source = {k: v.clone() for k, v in search.codec.state_dict().items()}
    (rated,) = search.run()
    after = search.codec.state_dict()
    assert all(torch.equal(source[name], after[name]) for name in source)
    assert not (tmp_path / "out" / "supernet.pt").exists()
    crops, qualities = search.crops
    assert (len(crops), crops.shape[1:]) == (4, (3, 128, 128))
    assert rated.loss == search.supernet.loss(rated.architecture, crops, qualities)


def test_a_search_by_time_measures_what_it_found(pictures: Path, tmp_path: Path) -> None:
    told: list[str] = []
    bits = {"weight_bits": (8,), "activation_bits": (16, 8), "shapes": False}
    settings = _settings(pictures, method="uniform", cost="milliseconds", evaluations=2, **bits)
    SearchRun(settings, tmp_path / "out", told.append).run()
    assert "the sums of the sites' times are off by" in told[-1]
    for row in json.loads((tmp_path / "out" / "front.json").read_text()):
        assert row["measured"] > 0


@pytest.mark.parametrize("penalties", ["-1", "0.3,inf", "nan", "much", ""])
def test_penalties_that_are_no_numbers_from_0_are_named_errors(
    pictures: Path, tmp_path: Path, penalties: str
) -> None:
    arguments = ["search", "mine", str(pictures), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(main, [*arguments, "--penalties", penalties])
    assert result.exit_code == 2
    assert "numbers from 0 with commas" in result.output


def test_each_penalty_is_a_search_by_gradients_of_its_own(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def spy(relaxation: Relaxation, *rest: Any) -> Iterator[Architecture]:
        seen.append(relaxation.settings.penalty)
        if seen == [0, 2]:
            raise KeyboardInterrupt
        numbers = relaxation.best().numbers
        yield Architecture((len(seen), *numbers[1:]))

    monkeypatch.setattr("lic.quantization.search.run.gradient_search", spy)
    settings = _settings(pictures, method="quantnas", evaluations=9, penalties=(0.0, 2.0))
    with pytest.raises(KeyboardInterrupt):
        SearchRun(settings, tmp_path, lambda text: None).run()
    for _ in range(2):  # the first goes on, the second has nothing to do
        assert len(SearchRun(settings, tmp_path, lambda text: None).run()) == 2
        assert seen == [0, 2, 2]


def test_impossible_budgets_and_unknown_words_are_named_errors(
    pictures: Path, tmp_path: Path
) -> None:
    with pytest.raises(QuantizationError, match="costs less"):
        SearchRun(_settings(pictures, limit=0.01), tmp_path / "a", lambda text: None)
    assert not (tmp_path / "a" / "settings.json").exists()  # other settings may follow
    for word in ("method", "cost"):
        with pytest.raises(QuantizationError, match="there are"):
            _settings(pictures, **{word: "magic"})


def test_damaged_folders_are_named_errors(pictures: Path, tmp_path: Path) -> None:
    settings = _settings(pictures, method="uniform", evaluations=1)
    SearchRun(settings, tmp_path, lambda text: None).run()
    with pytest.raises(QuantizationError, match="other settings"):
        SearchRun(_settings(pictures, seed=5), tmp_path, lambda text: None)
    log, net = tmp_path / "rated.jsonl", tmp_path / "supernet.pt"
    good = log.read_text()
    log.write_text(good + "[1, 2")
    with pytest.raises(QuantizationError, match="line 2"):
        SearchRun(settings, tmp_path, lambda text: None).run()
    log.write_text(good)
    net.write_bytes(net.read_bytes()[:1000])
    with pytest.raises(QuantizationError, match="no readable supernet"):
        SearchRun(settings, tmp_path, lambda text: None).run()
