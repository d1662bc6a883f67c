"""Training by several processes, as torchrun starts them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from lic.training.loop import CHECKPOINT

AVERAGE = """
import torch
import torch.distributed as dist
from lic.training.loop import _Gradients

dist.init_process_group("gloo")
rank = dist.get_rank()
parameters = [torch.nn.Parameter(torch.zeros(3)), torch.nn.Parameter(torch.zeros(2, 2))]
for parameter in parameters:
    parameter.grad = torch.full_like(parameter, 1.0 + 2 * rank)
assert _Gradients(parameters).average([10.0 * rank, 7.0]) == [5.0, 7.0]
assert all((p.grad == 2).all() for p in parameters)
dist.destroy_process_group()
"""


def torchrun(*arguments: object) -> None:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    subprocess.run([*launcher, "--standalone", *map(str, arguments)], check=True, timeout=300)


def test_gradients_and_scalars_are_averaged_over_processes(tmp_path: Path) -> None:
    script = tmp_path / "average.py"
    script.write_text(AVERAGE)
    torchrun(script)


TRAIN = """
import sys
from pathlib import Path
import torch
import torch.distributed as dist
from lic.models import PRESETS
from lic.training.data import CropDataset
from lic.training.loop import Trainer, TrainingConfig

dist.init_process_group("gloo")
config = TrainingConfig(steps=3, batch=1, crop=64, final_crop=64)
dataset = CropDataset([Path(sys.argv[1])], 64, 1e9)
preset = PRESETS["tiny"]
trainer = Trainer(
    preset.model, preset.config, config, dataset, Path(sys.argv[2]), torch.device("cpu")
)
crops = [None, None]
dist.all_gather_object(crops, dataset.batch(1, 64))
assert not torch.equal(*crops)
trainer.run(lambda state: None)
flat = torch.cat([p.detach().flatten() for p in trainer.model.parameters()])
both = [torch.empty_like(flat) for _ in range(2)]
dist.all_gather(both, flat)
assert torch.equal(*both)
dist.destroy_process_group()
"""


def test_processes_draw_other_crops_and_keep_one_network(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(TRAIN)
    torchrun(script, Path(__file__).parents[1] / "data", tmp_path)


def test_the_command_line_trains_by_two_processes(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    Image.fromarray(random.integers(0, 256, (256, 256, 3), np.uint8)).save(tmp_path / "a.png")
    words = ["train", tmp_path, "--preset", "tiny", "--out", tmp_path / "run", "--batch", 1]
    torchrun("-m", "lic.cli", *words, "--steps", 3)
    state = torch.load(tmp_path / "run" / CHECKPOINT, weights_only=True)
    assert state["progress"]["step"] == 3
    assert all(torch.isfinite(v).all() for v in state["ema"].values())
