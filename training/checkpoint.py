"""A run's checkpoint: one file, replaced only by a complete new one."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch

from lic.models import create_model
from lic.training.errors import TrainingError

CHECKPOINT = "last.pt"
# Errors that torch raises for files that are no checkpoints.
_UNREADABLE = (
    OSError,
    EOFError,
    RuntimeError,
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    pickle.PickleError,
)
_PARTS = {"model_name", "model_config", "training", "model", "ema", "optimizer", "progress"}


def load_checkpoint(run: Path, device: torch.device) -> dict[str, Any]:
    """The last checkpoint of a run's folder; raises TrainingError if it cannot be read."""
    try:
        state = torch.load(run / CHECKPOINT, map_location=device, weights_only=True)
        missing = _PARTS - set(state)
    except _UNREADABLE as error:
        raise TrainingError(f"{run} holds no readable checkpoint: {error}") from error
    if missing:
        raise TrainingError(f"the checkpoint in {run} lacks {', '.join(sorted(missing))}")
    return dict(state)


def load_network_checkpoint(run: Path) -> dict[str, Any]:
    """As `load_checkpoint`, of a run that trains a network as it is, not in integers."""
    state = load_checkpoint(run, torch.device("cpu"))
    with torch.device("meta"):
        network = create_model(state["model_name"], state["model_config"])
    if set(state["ema"]) != set(network.state_dict()):
        raise TrainingError(f"{run} trains a network of integers, which lic quantize gives")
    return state


def save_checkpoint(run: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint; the last good one stays until the new one is complete.

    Raises
    ------
    TrainingError
        If it cannot be written.
    """
    temporary = run / f"{CHECKPOINT}.tmp"
    try:
        run.mkdir(parents=True, exist_ok=True)
        torch.save(state, temporary)
        temporary.replace(run / CHECKPOINT)
    except (OSError, RuntimeError) as error:  # torch's writer raises either on a full disk
        temporary.unlink(missing_ok=True)
        reason = error.strerror if isinstance(error, OSError) else "the disk may be full"
        raise TrainingError(f"cannot write the checkpoint in {run}: {reason}") from error
