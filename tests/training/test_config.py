from __future__ import annotations

import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from lic.training.config import TrainingConfig, override, read_values
from lic.training.errors import SettingsError


def test_the_saved_file_gives_the_same_settings_again(tmp_path: Path) -> None:
    values = {"steps": 5, "folders": ['a "b"', "é\\c"], "model": {"width": 96}, "learning_rate": 1}
    config = TrainingConfig.from_values(values)
    path = tmp_path / "config.toml"
    path.write_text(config.to_toml(), encoding="utf-8")
    assert TrainingConfig.from_values(read_values(path)) == config
    assert len(read_values(path)) == len(fields(TrainingConfig))
    assert config.learning_rate == 1.0
    assert config.folders == ('a "b"', "é\\c")


@pytest.mark.parametrize(("preset", "rate"), [("small", 5e-3), ("mlicv2-s", 2e-3)])
def test_the_learning_rate_is_the_presets_unless_it_is_given(preset: str, rate: float) -> None:
    assert TrainingConfig.from_values({"steps": 1, "preset": preset}).learning_rate == rate
    assert TrainingConfig.from_values({"steps": 1, "init": "small-2"}).learning_rate == 1e-3
    given = {"steps": 1, "preset": preset, "learning_rate": 0.01}
    assert TrainingConfig.from_values(given).learning_rate == 0.01


def test_the_saved_file_explains_every_setting() -> None:
    text = TrainingConfig(steps=1).to_toml()
    keys = [line for line in text.partition("[shares]")[0].splitlines() if " = " in line]
    assert len(keys) == len(fields(TrainingConfig)) - 2
    assert all("  # " in line for line in keys)
    values = tomllib.loads(text)
    assert values["model"] == {}
    assert values["shares"] == {"selection": 0.05, "hard": 0}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"learning_rat": 1}, "no setting 'learning_rat'; did you mean 'learning_rate'"),
        ({"model": {"widht": 3}}, "no setting 'model.widht'; did you mean 'model.width'"),
        ({"preset": "smal"}, "no preset 'smal'; did you mean 'small'"),
        ({"zzz": 1}, "no setting 'zzz'$"),
        ({"batch": "many"}, "batch must be a whole number, not 'many'"),
        ({"batch": 1.5}, "batch must be a whole number"),
        ({"batch": True}, "batch must be a whole number"),
        ({"linear_start": 1}, "linear_start must be true or false"),
        ({"folders": "here"}, "folders must be a list, of texts"),
        ({"folders": [1]}, "folders must be a list, of texts"),
        ({"model": {"latents": 130}}, "multiple of 4"),
        ({"model": {"width": 48}}, "up to 4 width"),
        ({"model": {"components": 5}}, "components must be 1 to 4"),
        ({"model": {"context_steps": 3}}, "context_steps must be"),
        ({"model": 3}, "model must be a table"),
        ({"batch": 0}, "batch must lie between"),
        ({"learning_rate": float("nan")}, "learning_rate must lie between"),
        ({"crop": 100}, "multiple of 64"),
        ({"loss": "ssim"}, "loss must be one of mse, ms-ssim, yuv"),
        ({"minutes": 2}, "one of minutes and steps"),
        ({"steps": 0}, "one of minutes and steps"),
        ({"model": {"analysis_kernels": [4]}}, "analysis_kernels must be 3, 5 or 7"),
        ({"model": {"synthesis_kernels": [3, 5]}}, "one value, or one for each block"),
        ({"model": {"context_expansions": [0]}}, "context_expansions must be above 0"),
        ({"model": {"analysis_depth": -1}}, "analysis_depth must not be negative"),
        ({"schedule": "square"}, "schedule must be one of linear, cosine, trapezoid"),
        ({"graphics": 1}, "graphics must lie between"),
        ({"shares": {"selektion": 0.1}}, "no setting 'shares.selektion'; did you mean"),
        ({"shares": {"selection": -0.1}}, "shares must not be negative"),
        ({"shares": {"selection": 0.95}}, "leave the first stage a tenth"),
        ({"shares": {"selection": float("nan")}}, "leave the first stage a tenth"),
        ({"shares": {"selection": "x"}}, "shares.selection must be a number"),
    ],
)
def test_what_makes_no_sense_is_an_error_that_says_so(values: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        TrainingConfig.from_values({"steps": 1, **values})


def test_assignments_are_toml_or_else_text() -> None:
    words = ["batch=4", "learning_rate = 1e-3", "loss=ms-ssim", "model.width=8", "ema=0"]
    values = override({"steps": 1, "model": {"latents": 64}}, words)
    assert values == {
        "steps": 1,
        "batch": 4,
        "learning_rate": 1e-3,
        "loss": "ms-ssim",
        "ema": 0,
        "model": {"latents": 64, "width": 8},
    }
    for bad in ("batch", "=4", ""):
        with pytest.raises(SettingsError, match="key=value"):
            override({}, [bad])
    assert override({}, ["shares.selection=0.1"]) == {"shares": {"selection": 0.1}}
    with pytest.raises(SettingsError, match="model must be a table"):
        override({"model": 3}, ["model.width=8"])


def test_sizes_that_are_lists_can_be_set() -> None:
    values = override({"steps": 1, "preset": "mlicv2-s"}, ["model.widths=[12, 32, 64]"])
    config = TrainingConfig.from_values(values)
    assert config.model == {"widths": (12, 32, 64)}
    again = tomllib.loads(config.to_toml())
    assert TrainingConfig.from_values(again) == config
    with pytest.raises(SettingsError, match="a list, of texts or of numbers"):
        TrainingConfig.from_values(override(values, ["model.widths=['a', 'b', 'c']"]))


def test_a_file_that_is_no_toml_is_a_named_error(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text("steps = = 3")
    for name in (path, tmp_path / "missing.toml"):
        with pytest.raises(SettingsError, match="cannot read the settings"):
            read_values(name)


def test_a_list_of_numbers_may_have_whole_ones() -> None:
    config = TrainingConfig.from_values(override({"steps": 1}, ["model.analysis_expansions=[1]"]))
    assert config.model == {"analysis_expansions": (1.0,)}


def test_without_a_preset_the_network_is_inits_or_small() -> None:
    assert TrainingConfig.from_values({"steps": 1}).preset == "small"
    config = TrainingConfig.from_values({"steps": 1, "init": "any", "model": {"latents": 320}})
    assert config.preset == ""
    assert config.network("deployable", {"latents": 256, "width": 96})["latents"] == 320
    with pytest.raises(SettingsError, match="a slice's channels"):
        config.network("mlicv2", {"slices": 7})
