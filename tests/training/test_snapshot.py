from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load, save_file

from lic.cli.main import main
from lic.training.checkpoint import load_checkpoint
from lic.training.errors import SettingsError, TrainingError
from lic.training.run import gather_settings, start
from lic.training.snapshot import read_snapshot, write_snapshot

from .conftest import CPU

WORDS = ["preset=tiny", "batch=1", "crop=64", "final_crop=64", "warmup=4"]


@pytest.fixture
def run(tmp_path: Path, folder: Path) -> Path:
    """A run that came to its end after eight steps."""
    out = tmp_path / "run"
    config = gather_settings(out, None, {"folders": [str(folder)], "steps": 8}, WORDS, resume=False)
    start(config, out, "cpu", resume=False)
    return out


def test_a_snapshot_keeps_the_average_to_half_precision_and_the_weights_nearly(
    run: Path, tmp_path: Path
) -> None:
    path = tmp_path / "snapshot.safetensors"
    write_snapshot(run, path)
    kept, state = read_snapshot(path), load_checkpoint(run, CPU)
    assert repr(kept["progress"]) == repr(state["progress"])  # some are no numbers
    assert kept["model_config"] == state["model_config"]
    assert kept["optimizer"] is None
    for name, average in state["ema"].items():
        torch.testing.assert_close(kept["ema"][name], average, rtol=1e-3, atol=1e-6)
        # Half a step of a row's 15 levels.
        distance = (state["model"][name] - average).abs().reshape(len(average), -1).amax(1)
        error = (kept["model"][name] - state["model"][name]).abs().reshape(len(average), -1).amax(1)
        assert (error <= distance / 13 + 1e-3 * average.abs().max() + 1e-7).all()
    assert path.stat().st_size < 0.25 * (run / "last.pt").stat().st_size
    assert str(tmp_path).encode() not in path.read_bytes()


def test_a_run_goes_on_from_a_snapshot_with_a_new_warm_up(
    run: Path, tmp_path: Path, folder: Path
) -> None:
    path, out = tmp_path / "snapshot.safetensors", tmp_path / "again"
    write_snapshot(run, path)
    given = {"folders": [str(folder)], "steps": 16}
    config = gather_settings(out, None, given, [], resume=False, snapshot=path)
    assert (config.preset, config.warmup, config.steps) == ("tiny", 4, 16)
    finished = start(config, out, "cpu", resume=False, snapshot=path)
    assert finished is not None
    state = finished.state
    assert (state.step, state.moments_start) == (16, 8)
    rates = {row.step: row.learning_rate for row in state.history}
    peak = config.learning_rate
    assert [rates[step] for step in (9, 12, 13)] == pytest.approx(
        [peak / 4 * 7 / 16, peak * 4 / 16, peak * 3 / 16]
    )


def test_what_is_no_snapshot_is_a_named_error(run: Path, tmp_path: Path) -> None:
    path = tmp_path / "snapshot.safetensors"
    write_snapshot(run, path)
    whole = path.read_bytes()
    for content in (b"", b"garbage", whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(TrainingError, match="no readable snapshot"):
            read_snapshot(path)
    save_file({"average.a": torch.zeros(1)}, path)
    with pytest.raises(TrainingError, match="no readable snapshot"):
        read_snapshot(path)
    path.write_bytes(whole)
    with pytest.raises(SettingsError, match="not from both"):
        gather_settings(run, None, {}, [], resume=True, snapshot=path)
    with pytest.raises(SettingsError, match="its own settings"):
        gather_settings(tmp_path / "new", path, {}, [], resume=False, snapshot=path)


def test_the_command_writes_a_snapshot(run: Path, tmp_path: Path) -> None:
    path = tmp_path / "snapshot.safetensors"
    main(["weights", "snapshot", str(run), str(path)], standalone_mode=False)
    assert read_snapshot(path)["progress"]["step"] == 8


def test_a_snapshot_is_packed_to_the_weights_of_its_run(run: Path, tmp_path: Path) -> None:
    path, made = tmp_path / "snapshot.safetensors", {}
    write_snapshot(run, path)
    for number, source in enumerate((run, path)):
        out = tmp_path / str(number)
        main(
            ["weights", "pack", str(source), "--id", "a-1", "--out", str(out)],
            standalone_mode=False,
        )
        made[source] = (out / "a-1.safetensors").read_bytes()
    whole, kept = (load(data) for data in made.values())
    assert whole.keys() == kept.keys()
    assert all(torch.equal(whole[name], kept[name]) for name in whole)
