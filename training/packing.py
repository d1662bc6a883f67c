"""A finished training run's checkpoint to a weights file and its entry in the manifest."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from lic.codec.output import write_file
from lic.codec.weights import MANIFEST, save_weights
from lic.models import create_model
from lic.models.complexity import kmac_per_pixel, parameter_count
from lic.training.errors import TrainingError
from lic.training.loop import CHECKPOINT


def pack_run(run: Path, weights_id: str, out: Path, notes: dict[str, str]) -> Path:
    """Write ``out``/ID.safetensors from the run's averaged weights, and its manifest entry.

    ``notes`` (summary, command, data, hardware) go to the manifest as they are; measured points
    are added by ``lic eval --manifest``.

    Raises
    ------
    TrainingError
        If the run has no readable checkpoint, or the id is in the manifest already.
    """
    path = out / MANIFEST
    manifest = json.loads(path.read_text()) if path.exists() else {}
    if weights_id in manifest:
        raise TrainingError(f"the id {weights_id!r} is taken: ids are permanent")
    try:
        state = torch.load(run / CHECKPOINT, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError) as error:
        raise TrainingError(f"{run} holds no readable checkpoint: {error}") from error
    name, config = state["model_name"], state["model_config"]
    target = out / f"{weights_id}.safetensors"
    # Half precision for the convolutions: half the size, and no measurable loss on Kodak.
    tensors = {k: v.half() if v.ndim == 4 else v for k, v in state["ema"].items()}
    digest = save_weights(target, name, config, tensors)
    model = create_model(name, config)
    manifest[weights_id] = {
        **notes,
        "sha256": digest,
        "model": name,
        "config": config,
        "parameters": parameter_count(model),
        "kmac_per_pixel": {k: round(v, 3) for k, v in kmac_per_pixel(model).items()},
        "training": state["training"],
        "steps": state["progress"]["step"],
        "minutes": round(state["progress"]["seconds"] / 60, 1),
        "kodak": {},
    }
    write_file(path, (json.dumps(manifest, indent=1) + "\n").encode())
    return target
