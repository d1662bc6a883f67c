"""Snapshots: a training as one small file, to continue it on another machine.

A checkpoint (`lic.training.checkpoint`) resumes a run exactly, and takes 16 bytes a parameter; a
snapshot takes 2.5. It has the average in half precision, the difference of the weights from it in 4
bits, and the state of the schedule. The optimizer's moments are left out; a short warm-up builds
them up again. It is a safetensors file: reading an untrusted one is safe.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors.torch import load_file, save
from torch import Tensor

from lic.codec.output import write_file
from lic.models import UnknownModelError, create_model, full_config
from lic.training.checkpoint import load_network_checkpoint
from lic.training.errors import TrainingError

# Local paths are left out. So are changes to the configuration: the snapshot has all of it.
_LEFT_OUT = ("folders", "val", "init", "model")
_LARGEST_CODE = 7


def write_snapshot(run: Path, path: Path) -> None:
    """Write the snapshot of a run's last checkpoint.

    Raises
    ------
    TrainingError
        If the run has no readable checkpoint.
    OutputError
        If the file cannot be written.
    """
    state = load_network_checkpoint(run)
    tensors = {}
    for name, average in state["ema"].items():
        stored = average.half() if average.ndim == 4 else average
        tensors[f"average.{name}"] = stored.contiguous()
        scale, codes = _quantized(state["model"][name] - stored.float())
        tensors[f"scale.{name}"], tensors[f"codes.{name}"] = scale, codes
    training = {k: v for k, v in state["training"].items() if k not in _LEFT_OUT}
    metadata = {
        "model_name": state["model_name"],
        "model_config": json.dumps(state["model_config"]),
        "training": json.dumps(training),
        "progress": json.dumps(state["progress"]),
    }
    write_file(path, save(tensors, metadata))


def read_snapshot(path: Path) -> dict[str, Any]:
    """A snapshot as `load_checkpoint` gives a checkpoint, but with None for the optimizer's state.

    Raises TrainingError if it cannot be read.
    """
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata()
        tensors = load_file(path)
        values = {
            key: json.loads(metadata[key]) for key in ("model_config", "training", "progress")
        }
        names = [name.removeprefix("average.") for name in tensors if name.startswith("average.")]
        average = {name: tensors[f"average.{name}"].float() for name in names}
        model = {
            name: value + _distance(tensors[f"scale.{name}"], tensors[f"codes.{name}"], value.shape)
            for name, value in average.items()
        }
        name = metadata["model_name"]
        with torch.device("meta"):
            values["model_config"] = full_config(create_model(name, values["model_config"]))
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        RuntimeError,
        UnknownModelError,
        safetensors.SafetensorError,
    ) as error:
        raise TrainingError(f"{path} is no readable snapshot: {error}") from error
    return {**values, "model_name": name, "model": model, "ema": average, "optimizer": None}


def _quantized(distance: Tensor) -> tuple[Tensor, Tensor]:
    """A scale for each index of the first axis, and the values in 4 bits, two in a byte."""
    rows = distance.reshape(distance.shape[0], -1)
    scale = rows.abs().amax(1).clamp_min(1e-12) / _LARGEST_CODE
    codes = ((rows / scale[:, None]).round() + _LARGEST_CODE).to(torch.uint8).flatten()
    codes = torch.cat((codes, codes.new_zeros(len(codes) % 2)))
    return scale, codes[::2] | codes[1::2] << 4


def _distance(scale: Tensor, codes: Tensor, shape: torch.Size) -> Tensor:
    """The inverse of `_quantized`."""
    values = torch.stack((codes & 15, codes >> 4), dim=1).flatten()[: shape.numel()]
    rows = (values.float() - _LARGEST_CODE).view(shape[0], -1) * scale[:, None]
    return rows.view(shape)
