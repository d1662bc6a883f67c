from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner

from lic.cli.main import main
from lic.codec import DEFAULT_WEIGHTS
from lic.codec.errors import WeightsError
from lic.codec.manifest import FOLDERS_VARIABLE, WeightsEntry, read_manifest
from lic.codec.weights import read_codec
from lic.integer_networks.costs import costs
from lic.models import full_config
from lic.models.deployable.transforms import BlockShape
from lic.models.layers import TokenMixing
from lic.models.weights_file import load_network, network_bytes
from lic.quantization.errors import QuantizationError
from lic.quantization.packing import Chosen, chosen, quantize
from lic.training.errors import SettingsError, TrainingError
from lic.training.packing import pack_run
from lic.training.snapshot import write_snapshot


@pytest.fixture(autouse=True)
def weights(
    tmp_path: Path,
    float_file: Callable[[str], Path],
    make_weights_folder: Callable[[Path, str, Path], WeightsEntry],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Float weights of the smallest preset, installed as "mine"."""
    make_weights_folder(tmp_path / "weights", "mine", float_file("tiny"))
    monkeypatch.setenv(FOLDERS_VARIABLE, str(tmp_path / "weights"))


def test_one_training_serves_several_bits_with_a_file_for_each(
    pictures: Path, tmp_path: Path
) -> None:
    out = tmp_path / "new"
    words = ["quantize", "mine", pictures, "--id", "several", "--out", out, "--pictures", 2]
    words += ["--bits", "w8a16,8,w5a8", "--steps", 6, "--run", tmp_path / "run"]
    words += ["--set", "batch=1", "--set", "crop=64", "--set", "final_fraction=0"]
    result = CliRunner().invoke(main, list(map(str, words)), catch_exceptions=False)
    assert result.exit_code == 0
    assert result.output.count("quality") == 12
    progress = torch.load(tmp_path / "run" / "last.pt", weights_only=True)["progress"]
    assert progress["stage"] == 2  # the hard one
    assert list(read_manifest(out)) == ["several-w8a16", "several-8", "several-w5a8"]
    found = []
    for name, entry in read_manifest(out).items():
        assert entry.kind == "integer"
        _, network = read_codec((out / f"{name}.safetensors").read_bytes())
        cost = costs(network, runs=1)
        found.append((round(cost.weight_bits), round(cost.activation_bits) <= 8))
    assert found == [(8, False), (8, True), (5, True)]


def test_a_training_that_ended_goes_on_with_another_budget(pictures: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = ["quantize", "mine", pictures, "--out", tmp_path / "new", "--pictures", 2, "--run", run]
    settings = ["--set", "batch=1", "--set", "crop=64", "--set", "final_fraction=0"]
    ended = []
    for name, more in (
        ("first", ["--steps", 2, *settings, "--set", "shares.hard=0"]),
        ("second", ["--resume", "--steps", 4, "--set", "shares.hard=0.5"]),
    ):
        given = list(map(str, [*words, "--id", name, *more]))
        result = CliRunner().invoke(main, given, catch_exceptions=False)
        assert result.exit_code == 0
        progress = torch.load(run / "last.pt", weights_only=True)["progress"]
        ended.append((progress["step"], progress["stage"]))
    assert ended == [(2, 1), (4, 2)]
    other = [*words, "--id", "third", "--resume", "--steps", 6, "--bits", "8"]
    result = CliRunner().invoke(main, list(map(str, other)))
    assert result.exit_code == QuantizationError.exit_code
    assert "is not of these bits" in result.output
    for make in (
        lambda: pack_run(run, "packed", tmp_path / "packed", {}),
        lambda: write_snapshot(run, tmp_path / "snapshot.safetensors"),
    ):
        with pytest.raises(TrainingError, match="network of integers"):
            make()


def test_narrower_branches_keep_their_strongest_channels(
    pictures: Path,
    tmp_path: Path,
    float_file: Callable[[str], Path],
    make_weights_folder: Callable[[Path, str, Path], WeightsEntry],
) -> None:
    _, model = load_network(float_file("tiny"))
    block = model.get_submodule("synthesis.blocks.0")
    assert isinstance(block, TokenMixing)
    with torch.no_grad():
        torch.nn.init.normal_(block.channel_out.weight, std=0.1)
        block.channel_out.weight[:, :16] = 0  # so that the second half does it all
    file = tmp_path / "second-half.safetensors"
    file.write_bytes(network_bytes("deployable", full_config(model), model.state_dict()))
    make_weights_folder(tmp_path / "weights", "second-half", file)
    half = Chosen(shapes={"synthesis.blocks.0": BlockShape(3, 0.5)})
    whole = quantize("second-half", [pictures], "whole", tmp_path, {}, 2)
    narrow = quantize("second-half", [pictures], "narrow", tmp_path, {}, 2, half)
    for one, other in zip(whole[0].cost, narrow[0].cost, strict=True):
        assert one.psnr == pytest.approx(other.psnr, abs=0.01)
    entries = json.loads((tmp_path / "manifest.json").read_text())
    assert entries["narrow"]["parameters"] < entries["whole"]["parameters"]
    costs = [entries[name]["kmac_per_pixel"] for name in ("whole", "narrow")]
    assert costs[1]["decode"] < costs[0]["decode"]
    assert costs[1]["analysis"] == costs[0]["analysis"]


def test_an_id_that_is_taken_is_refused_before_anything_is_trained(
    pictures: Path, tmp_path: Path
) -> None:
    out = tmp_path / "new"
    quantize("mine", [pictures], "one", out, {}, 2)
    with pytest.raises(WeightsError, match="permanent"):
        quantize("mine", [pictures], "one", out, {}, 2)


def test_a_training_without_a_budget_is_a_mistake(pictures: Path, tmp_path: Path) -> None:
    words = ["quantize", "mine", str(pictures), "--id", "one", "--out", str(tmp_path / "new")]
    result = CliRunner().invoke(main, [*words, "--set", "batch=1"])
    assert result.exit_code == 2
    assert "needs a budget" in result.output
    budget = ["--steps", "1", "--run", str(tmp_path / "run"), "--set", "processes=2"]
    result = CliRunner().invoke(main, [*words, *budget])
    assert result.exit_code == SettingsError.exit_code
    assert "by one process" in result.output


def test_what_the_network_does_not_have_is_a_named_error(pictures: Path, tmp_path: Path) -> None:
    blocks: dict[str, Any] = {
        "synthesis.blocks.99": {"present": True, "kernel": 3, "expansion": 1},
        "synthesis.blocks.0": {"present": True, "kernel": 9, "expansion": 1},
        "entropy.steps.0.blocks.0": {"present": False, "kernel": None, "expansion": None},
    }
    plan = {"transforms": [8, 8], "entropy": [8, 8], "layers": {}}
    wrong: list[Any] = [
        ({"blocks": {name: block}, "bits": plan}, "no such block") for name, block in blocks.items()
    ]
    wrong.append(({"blocks": {}, "bits": plan | {"layers": {"none": [8, 8]}}}, "no layer none"))
    block = {"synthesis.blocks.0": {"present": True, "kernel": "a", "expansion": 1}}
    wrong.append(({"blocks": block, "bits": plan}, "no architecture"))
    for values, message in wrong:
        file = tmp_path / "wrong.json"
        file.write_text(json.dumps(values))
        with pytest.raises(QuantizationError, match=message):
            quantize("mine", [pictures], "one", tmp_path / "new", {}, 2, chosen(str(file)))


def test_integers_are_not_quantized_again(pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="integers already"):
        quantize(DEFAULT_WEIGHTS, [pictures], "one", tmp_path / "new", {}, 2)
