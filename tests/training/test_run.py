from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from lic import codec
from lic.codec.errors import LicError, WeightsError
from lic.codec.manifest import read_manifest
from lic.codec.weights import load_weights
from lic.models.weights_file import load_network
from lic.training.checkpoint import CHECKPOINT, load_checkpoint
from lic.training.config import CONFIG, TrainingConfig
from lic.training.errors import SettingsError, TrainingError, TrainingInterruptedError
from lic.training.packing import pack_run, packed
from lic.training.run import Finished, gather_settings, start

from .conftest import CPU

WORDS = ["preset=tiny", "batch=1", "crop=64", "final_crop=64"]


def settings(out: Path, folder: Path, *more: str, **given: Any) -> TrainingConfig:
    values = {"folders": [str(folder)], "steps": 2, **given}
    return gather_settings(out, None, values, [*WORDS, *more], resume=False)


def train(out: Path, folder: Path, *more: str, **given: Any) -> Finished:
    finished = start(settings(out, folder, *more, **given), out, "cpu", resume=False)
    assert finished is not None
    return finished


def test_a_run_leaves_its_settings_a_checkpoint_and_tensorboards_curves(
    tmp_path: Path, folder: Path
) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    out = tmp_path / "run"
    finished = train(out, folder, steps=4)
    assert finished.state.step == 4
    assert len(finished.held_out) == 1
    assert "steps = 4" in (out / CONFIG).read_text()
    assert load_checkpoint(out, CPU)["progress"]["step"] == 4
    events = EventAccumulator(str(out))
    events.Reload()
    assert {"training/loss", "training/psnr", "validation_bpp/quality_50"} <= set(
        events.Tags()["scalars"]
    )
    assert events.Tags()["images"] == ["reconstructions/0"]
    shown = events.Images("reconstructions/0")[-1]
    assert (shown.width, shown.height) == (4 * 256, 256)  # the original and three qualities


def test_a_run_that_exists_is_not_overwritten_and_none_is_not_resumed(
    tmp_path: Path, folder: Path
) -> None:
    out = tmp_path / "run"
    with pytest.raises(TrainingError, match="holds no run"):
        gather_settings(out, None, {}, [], resume=True)
    train(out, folder)
    with pytest.raises(TrainingError, match="holds a run already"):
        settings(out, folder)


def test_a_resumed_run_has_its_own_settings_and_a_budget_of_either_kind(
    tmp_path: Path, folder: Path
) -> None:
    out = tmp_path / "run"
    train(out, folder, "learning_rate=1e-3")
    same = gather_settings(out, None, {}, [], resume=True)
    assert (same.learning_rate, same.steps, same.batch) == (1e-3, 2, 1)
    longer = gather_settings(out, None, {"minutes": 1.0}, [], resume=True)
    assert (longer.minutes, longer.steps) == (1.0, 0)
    more = start(gather_settings(out, None, {"steps": 5}, [], resume=True), out, "cpu", resume=True)
    assert more is not None
    assert more.state.step == 5
    with pytest.raises(SettingsError, match="its own settings"):
        gather_settings(out, tmp_path / "other.toml", {}, [], resume=True)


def test_assignments_come_before_options_and_those_before_the_file(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text('steps = 9\nbatch = 3\nloss = "yuv"\n[model]\nwidth = 96\n')
    config = gather_settings(tmp_path, path, {"steps": 4}, ["batch=5"], resume=False)
    assert (config.steps, config.batch, config.loss) == (4, 5, "yuv")
    assert config.model == {"width": 96}


def test_bad_words_for_a_run_are_named_errors_before_it_begins(
    tmp_path: Path, folder: Path
) -> None:
    (tmp_path / "file").touch()
    for out, word, message in (
        ("file", "seed=0", "cannot make"),
        ("run", "folders=[]", "no folder to train on"),
        ("run", "folders=['/nowhere']", "no folder /nowhere"),
        ("run", "val=/nowhere", "no folder /nowhere"),
        ("run", "model.width=0", "no network of these sizes"),
        ("run", "model.hyper=-3", "no network of these sizes"),
    ):
        with pytest.raises(LicError, match=message):
            train(tmp_path / out, folder, word)
    with pytest.raises(TrainingError, match="no device 'tpu9'"):
        start(settings(tmp_path / "run", folder), tmp_path / "run", "tpu9", resume=False)
    assert not (tmp_path / "run" / CHECKPOINT).exists()


def test_weights_are_fine_tuned_from_where_they_are(
    tmp_path: Path, folder: Path, tiny_path: str
) -> None:
    first = load_network(Path(tiny_path))[1].state_dict()
    out = tmp_path / "run"
    train(out, folder, "preset=", f"init={tiny_path}", "learning_rate=1e-6", steps=8)
    state = load_checkpoint(out, CPU)["ema"]
    # What the selection learned from other weights is forgotten.
    kept = [name for name in first if ".selection." not in name]
    assert all(torch.allclose(state[name], first[name], atol=1e-4) for name in kept)
    assert not all(torch.equal(state[name], first[name]) for name in first)


def test_a_resumed_fine_tuning_does_not_need_the_weights_it_began_with(
    tmp_path: Path, folder: Path, tiny_path: str
) -> None:
    weights = tmp_path / "w.safetensors"
    weights.write_bytes(Path(tiny_path).read_bytes())
    out = tmp_path / "run"
    train(out, folder, "preset=", f"init={weights}")
    weights.unlink()
    more = start(gather_settings(out, None, {"steps": 3}, [], resume=True), out, "cpu", resume=True)
    assert more is not None
    assert more.state.step == 3


@pytest.mark.parametrize("tiny_path", ["tiny"], indirect=True)
def test_weights_grow_to_the_network_that_is_asked_for(
    tmp_path: Path, folder: Path, tiny_path: str, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    words = ("preset=", f"init={tiny_path}", "model.analysis_depth=3", "model.context_kernels=[5]")
    train(out, folder, *words)
    assert load_checkpoint(out, CPU)["model_config"]["analysis_depth"] == 3
    assert "new: analysis.blocks.1, analysis.blocks.2" in " ".join(capfd.readouterr().err.split())
    config = gather_settings(out, None, {"steps": 3}, [], resume=True)
    more = start(config, out, "cpu", resume=True)
    assert more is not None
    assert more.state.step == 3
    for name, words, message in (
        ("smaller", ("preset=", "model.latents=16"), "would become smaller"),
        ("foreign", ("preset=mlicv2-tiny",), "another family|cannot be grown"),
        ("no such", ("preset=", "model.latent=3"), "no setting 'model.latent'"),
    ):
        with pytest.raises(SettingsError, match=message):
            train(tmp_path / name, folder, f"init={tiny_path}", *words)


def test_weights_that_cannot_be_loaded_are_a_named_error(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(WeightsError, match="cannot be loaded"):
        train(tmp_path / "run", folder, f"init={tmp_path / 'none.safetensors'}")


def test_a_resume_that_fails_leaves_the_settings_as_they_were(tmp_path: Path, folder: Path) -> None:
    out = tmp_path / "run"
    train(out, folder)
    before = (out / CONFIG).read_text()
    wrong = gather_settings(out, None, {"steps": 3}, ["model.width=16"], resume=True)
    with pytest.raises(TrainingError, match="another network"):
        start(wrong, out, "cpu", resume=True)
    assert (out / CONFIG).read_text() == before


def test_a_packed_run_can_be_loaded_and_its_id_is_permanent(tmp_path: Path, folder: Path) -> None:
    train(tmp_path / "run", folder)
    out = tmp_path / "deep" / "weights"
    notes = {"summary": "s", "command": "c", "data": "d", "hardware": "h"}
    path = pack_run(tmp_path / "run", "mine-1", out, notes)
    entry = read_manifest(out)["mine-1"]
    assert (entry.kind, entry.source, entry.kodak) == ("float", None, None)
    assert entry.steps == 2
    assert entry.training["crop"] == 64
    assert str(tmp_path) not in str(entry)
    for weights in (load_weights(path, "mine-1"), None):
        with packed(tmp_path / "run") as same:
            assert len(codec.encode(np.zeros((64, 64, 3), np.uint8), 50, weights or same)) > 0
    with pytest.raises(WeightsError, match="taken"):
        pack_run(tmp_path / "run", "mine-1", out, notes)
    for bad in ("../evil", "", "é", "x" * 64):
        with pytest.raises(WeightsError, match="must be"):
            pack_run(tmp_path / "run", bad, out, notes)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_with_a_checkpoint(
    tmp_path: Path, folder: Path, number: signal.Signals
) -> None:
    out = tmp_path / "run"
    words = [*WORDS, "steps=1000000"]
    command = [sys.executable, "-m", "lic.cli", "train", folder, "--out", out]
    options = [part for word in words for part in ("--set", word)]
    process = subprocess.Popen([*map(str, command), *options], stderr=subprocess.PIPE, text=True)
    try:
        # TensorBoard's file appears when the loop begins.
        deadline = time.monotonic() + 120
        while not any(out.glob("events*")) and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(1)
        process.send_signal(number)
        message = process.communicate(timeout=60)[1]
    finally:
        process.kill()
    assert process.returncode == TrainingInterruptedError.exit_code
    assert "--resume continues the run" in message
    assert "Traceback" not in message
    assert load_checkpoint(out, CPU)["progress"]["step"] > 0


def test_signals_are_as_before_after_a_run(tmp_path: Path, folder: Path) -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    train(tmp_path / "run", folder)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_what_was_skipped_is_told(
    tmp_path: Path, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    Image.new("CMYK", (300, 300)).save(folder / "zprint.jpg")
    train(tmp_path / "run", folder)
    said = " ".join(capfd.readouterr().err.split())
    assert "2 pictures to train on, 1 held out, 1 skipped" in said
    assert "zprint.jpg is CMYK" in said
