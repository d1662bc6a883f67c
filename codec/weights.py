"""Trained weights: finding them by id, loading, and writing.

A weights file is safetensors: the tensors of a model's state, the frozen integer tables of its
side information, and as metadata the model's name and configuration. The manifest beside the files
tells each one's digest and where it comes from. Finding and listing weights imports no torch.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lic.codec.container import DIGEST_BYTES
from lic.codec.errors import WeightsError

if TYPE_CHECKING:
    from torch import Tensor

    from lic.codec.runtime import TorchRuntime

MANIFEST = "manifest.json"
_TABLES_KEY = "side.counts"


@dataclass(frozen=True)
class Weights:
    """Loaded weights: their id, the digest that files carry, and the network, ready to run."""

    id: str
    digest: bytes
    runtime: TorchRuntime


def weights_folder() -> Path:
    """The folder of the installed weights."""
    return Path(str(resources.files("lic.weights")))


def read_manifest() -> dict[str, dict[str, Any]]:
    """The manifest's entries by id; raises WeightsError if it cannot be read."""
    try:
        entries = json.loads((weights_folder() / MANIFEST).read_text())
    except (OSError, ValueError) as error:
        raise WeightsError(f"the manifest of the weights cannot be read: {error}") from error
    return dict(entries)


def note_points(weights_id: str, summary: dict[str, Any]) -> None:
    """Put the points of an evaluation's summary on Kodak in the entry of installed weights.

    Raises WeightsError or OutputError.
    """
    from lic.codec.output import write_file

    manifest = read_manifest()
    columns = summary["codecs"][weights_id]
    kept = {"quality": "setting", "bpp": "bpp", "psnr": "psnr", "ms_ssim": "ms_ssim"}
    manifest[weights_id]["kodak"] = {
        **{key: [round(value, 4) for value in columns[name]] for key, name in kept.items()},
        "bd_rate_vtm": round(summary["bd_rate"]["VTM"][weights_id], 2),
    }
    write_file(weights_folder() / MANIFEST, (json.dumps(manifest, indent=1) + "\n").encode())


def resolve(weights: str | Weights) -> Weights:
    """Weights as they are, or the installed ones of an id (loaded once a process).

    Raises
    ------
    WeightsError
        If none of that id is installed, or the file is damaged.
    """
    return _load_installed(weights) if isinstance(weights, str) else weights


@lru_cache(maxsize=2)
def _load_installed(weights_id: str) -> Weights:
    manifest = read_manifest()
    if weights_id not in manifest:
        names = ", ".join(sorted(manifest)) or "none"
        raise WeightsError(f"weights {weights_id!r} are not installed; there are: {names}")
    weights = load_weights(weights_folder() / f"{weights_id}.safetensors", weights_id)
    if not manifest[weights_id]["sha256"].startswith(weights.digest.hex()):
        raise WeightsError(f"the file of weights {weights_id!r} is not the one in the manifest")
    return weights


def load_weights(path: Path, weights_id: str) -> Weights:
    """Load a weights file; raises WeightsError if it cannot be read."""
    import safetensors
    from safetensors.torch import load

    from lic.codec.runtime import TorchRuntime
    from lic.models import UnknownModelError, create_model

    try:
        data = path.read_bytes()
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata()
        tensors = load(data)
        model: Any = create_model(metadata["model"], json.loads(metadata["config"]))
        model.side.counts = tensors.pop(_TABLES_KEY)
        model.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        RuntimeError,
        UnknownModelError,
        safetensors.SafetensorError,
    ) as error:
        raise WeightsError(f"weights {weights_id!r} cannot be loaded: {error}") from error
    digest = hashlib.sha256(data).digest()[:DIGEST_BYTES]
    return Weights(weights_id, digest, TorchRuntime(model))


def save_weights(
    path: Path, model_name: str, config: dict[str, Any], state: dict[str, Tensor]
) -> str:
    """Write a weights file of a model's state; gives the file's SHA-256 in hexadecimal.

    The state's tensors are stored as they are; the tables of the side information are computed
    from them here, once and for all machines.
    """
    from safetensors.torch import save

    from lic.codec.output import write_file
    from lic.models import create_model

    model: Any = create_model(model_name, config)
    model.load_state_dict({name: tensor.float() for name, tensor in state.items()})
    model.side.freeze()
    tensors = {name: tensor.cpu().contiguous() for name, tensor in state.items()}
    tensors[_TABLES_KEY] = model.side.counts
    data = save(tensors, {"model": model_name, "config": json.dumps(config)})
    write_file(path, data)
    return hashlib.sha256(data).hexdigest()
