"""A finished training run's checkpoint to a weights file and its entry in the manifest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from lic.codec.manifest import WeightsEntry, new_entry, write_manifest
from lic.codec.output import write_file
from lic.codec.weights import Weights, load_weights
from lic.models import create_model
from lic.models.complexity import kmac_per_pixel, parameter_count
from lic.models.weights_file import network_bytes
from lic.training.checkpoint import load_network_checkpoint
from lic.training.snapshot import read_snapshot

# Local paths are left out of the manifest. So is the preset: the entry has the whole configuration,
# which may come from other weights.
_PLACES = ("folders", "val", "init", "preset")


@contextmanager
def packed(run: Path) -> Iterator[Weights]:
    """A context with a run's averaged weights, loaded as if they were installed."""
    with TemporaryDirectory() as folder:
        target = Path(folder) / "run.safetensors"
        _save(load_network_checkpoint(run), target)
        yield load_weights(target, "run")


def _save(state: dict[str, Any], target: Path) -> str:
    """Write the weights file of a checkpoint; gives its SHA-256 in hexadecimal."""
    # Half precision for the convolutions: half the size, for 0.002 dB on Kodak.
    tensors = {k: v.half() if v.ndim == 4 else v for k, v in state["ema"].items()}
    data = network_bytes(state["model_name"], state["model_config"], tensors)
    write_file(target, data)
    return hashlib.sha256(data).hexdigest()


def pack_run(run: Path, weights_id: str, out: Path, notes: dict[str, str]) -> Path:
    """Write ``out``/ID.safetensors from the run's averaged weights, and its manifest entry.

    ``run`` is a run's folder or the file of a snapshot, which gives the same weights.
    ``notes`` (summary, command, data, hardware) go to the manifest as they are; measured points
    are added by ``lic eval --manifest``.

    Raises
    ------
    TrainingError
        If the run has no readable checkpoint, or the snapshot cannot be read.
    WeightsError
        If the id is taken, here or by installed weights.
    """
    state = read_snapshot(run) if run.is_file() else load_network_checkpoint(run)
    target, manifest = new_entry(out, weights_id)
    name, config = state["model_name"], state["model_config"]
    digest = _save(state, target)
    model = create_model(name, config)
    manifest[weights_id] = WeightsEntry(
        kind="float",
        source=None,
        **notes,
        sha256=digest,
        model=name,
        config=config,
        parameters=parameter_count(model),
        kmac_per_pixel={k: round(v, 3) for k, v in kmac_per_pixel(model).items()},
        training={k: v for k, v in state["training"].items() if k not in _PLACES},
        steps=state["progress"]["step"],
        minutes=round(state["progress"]["seconds"] / 60, 1),
        kodak=None,
    )
    write_manifest(out, manifest)
    return target
