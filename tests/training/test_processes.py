"""Training by several processes, as torchrun starts them."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from lic.training.checkpoint import load_checkpoint

from .conftest import CPU, make_trainer, run

TRAIN = """
import sys
from pathlib import Path

import torch
import torch.distributed as dist

sys.path.insert(0, sys.argv[1])
from conftest import make_trainer, run

from lic.training.processes import process_group


def main():
    subject = make_trainer(Path(sys.argv[2]), steps=80, batch=2, seed=3)
    crops = []
    original = subject.dataset.batch
    subject.dataset.batch = lambda *sizes: crops.append(original(*sizes)) or crops[-1]
    run(subject)
    gathered = [None, None]
    dist.all_gather_object(gathered, crops[0])
    assert not torch.equal(*gathered), "both processes saw the same crops"
    flat = torch.cat([p.detach().flatten() for p in subject.model.parameters()])
    both = [torch.empty_like(flat) for _ in range(2)]
    dist.all_gather(both, flat)
    assert torch.equal(*both), "the processes' networks differ"


with process_group(torch.device("cpu")):
    main()
"""


def test_two_processes_learn_as_one_with_twice_the_batch(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(TRAIN)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone"]
    words = map(str, (script, Path(__file__).parent, tmp_path / "two"))
    subprocess.run([*launcher, *words], check=True, timeout=300)
    two = load_checkpoint(tmp_path / "two", CPU)["progress"]["history"]
    one = run(make_trainer(tmp_path / "one", steps=80, batch=4, seed=3)).rows
    other = run(make_trainer(tmp_path / "other", steps=80, batch=4, seed=4)).rows
    losses = [np.array([row[2] for row in rows]) for rows in (two, one, other)]
    assert len(losses[0]) == len(losses[1]) == 80
    noise = np.abs(losses[2] / losses[1] - 1).mean()
    assert np.abs(losses[0] / losses[1] - 1).mean() < max(3 * noise, 0.05)
    assert losses[0][-1] == pytest.approx(losses[1][-1], rel=0.15)


def test_a_network_with_two_stages_trains_by_two_processes(tmp_path: Path, folder: Path) -> None:
    out = tmp_path / "run"
    words = ["train", folder, "--preset", "mlicv2-tiny", "--out", out, "--set", "batch=1"]
    words += ["--set", "crop=64", "--set", "final_fraction=0", "--set", "shares.selection=0.5"]
    options = ["--steps", 4, "--processes", 2]
    command = [sys.executable, "-m", "lic.cli", *words, *options]
    subprocess.run(list(map(str, command)), check=True, timeout=300)
    progress = load_checkpoint(out, CPU)["progress"]
    assert (progress["step"], progress["stage"], progress["stage_start"]) == (4, 2, 2)
    assert math.isfinite(progress["stage_loss"])


def test_the_command_line_trains_by_two_processes(tmp_path: Path, folder: Path) -> None:
    words = ["train", folder, "--preset", "tiny", "--out", tmp_path / "run", "--set", "batch=1"]
    command = [sys.executable, "-m", "lic.cli", *words, "--steps", 3, "--processes", 2]
    subprocess.run(list(map(str, command)), check=True, timeout=300)
    state = load_checkpoint(tmp_path / "run", CPU)
    assert state["progress"]["step"] == 3
    assert all(torch.isfinite(v).all() for v in state["ema"].values())
    assert (tmp_path / "run" / "report.html").exists()
