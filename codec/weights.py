"""Trained weights: finding them by id, loading, and writing.

A weights file is safetensors: the tensors of a model's state, the frozen integer tables of its
side information, and as metadata the model's name and configuration. The manifest beside the files
tells each one's digest and where it comes from. Finding and listing weights imports no torch.
"""

from __future__ import annotations

import hashlib
import json
import os
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
    from lic.models import CodecModel

MANIFEST = "manifest.json"
FOLDERS_VARIABLE = "LIC_WEIGHTS"
_TABLES_KEY = "side.counts"


@dataclass(frozen=True)
class Weights:
    """Loaded weights: their id, the digest that files carry, and the network, ready to run."""

    id: str
    digest: bytes
    runtime: TorchRuntime


def weights_folders() -> list[Path]:
    """Where weights are looked for: the folders in LIC_WEIGHTS (as in PATH), then the package's."""
    chosen = os.environ.get(FOLDERS_VARIABLE, "").split(os.pathsep)
    return [*map(Path, filter(None, chosen)), Path(str(resources.files("lic.weights")))]


def use_folder(folder: Path) -> str:
    """Look in a folder first, in this process and those that it starts; gives its newest id.

    Raises WeightsError if the folder holds no weights.
    """
    ids = list(read_manifest(folder))
    if not ids:
        raise WeightsError(f"there are no weights in {folder}")
    others = os.environ.get(FOLDERS_VARIABLE, "").split(os.pathsep)
    folders = [str(folder.resolve()), *filter(None, others)]
    os.environ[FOLDERS_VARIABLE] = os.pathsep.join(folders)
    return ids[-1]


def read_manifest(folder: Path) -> dict[str, dict[str, Any]]:
    """A folder's manifest: entries by id; raises WeightsError if it cannot be read."""
    try:
        return dict(json.loads((folder / MANIFEST).read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise WeightsError(f"the manifest in {folder} cannot be read: {error}") from error


def installed() -> dict[str, tuple[Path, dict[str, Any]]]:
    """All weights that can be used by their ids: the folder and the manifest's entry of each."""
    found: dict[str, tuple[Path, dict[str, Any]]] = {}
    for folder in weights_folders():
        for weights_id, entry in read_manifest(folder).items():
            found.setdefault(weights_id, (folder, entry))
    return found


def _find(weights_id: str) -> tuple[Path, dict[str, Any]]:
    weights = installed()
    if weights_id not in weights:
        names = ", ".join(sorted(weights)) or "none"
        raise WeightsError(f"weights {weights_id!r} are not installed; there are: {names}")
    return weights[weights_id]


def installed_digest(weights_id: str) -> str:
    """The first eight digits of the manifest's SHA-256; raises WeightsError for unknown weights."""
    digest: str = _find(weights_id)[1]["sha256"]
    return digest[: 2 * DIGEST_BYTES]


def note_points(weights_id: str, summary: dict[str, Any]) -> None:
    """Put the points of an evaluation's summary on Kodak in the entry of installed weights.

    Raises WeightsError or OutputError.
    """
    from lic.codec.output import write_file

    folder, _ = _find(weights_id)
    manifest = read_manifest(folder)
    columns = summary["codecs"][weights_id]
    rate = summary["bd_rate"]["VTM"].get(weights_id)
    kept = {"quality": "setting", "bpp": "bpp", "psnr": "psnr", "ms_ssim": "ms_ssim"}
    manifest[weights_id]["kodak"] = {
        **{key: [round(value, 4) for value in columns[name]] for key, name in kept.items()},
        "bd_rate_vtm": None if rate is None else round(rate, 2),
    }
    write_file(folder / MANIFEST, (json.dumps(manifest, indent=1) + "\n").encode())


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
    _, entry = _find(weights_id)
    weights = load_weights(weights_file(weights_id), weights_id)
    if not entry["sha256"].startswith(weights.digest.hex()):
        raise WeightsError(f"the file of weights {weights_id!r} is not the one in the manifest")
    return weights


def load_weights(path: Path, weights_id: str) -> Weights:
    """Load a weights file; raises WeightsError if it cannot be read."""
    from lic.codec.runtime import TorchRuntime

    _, model, data = _read_network(path, weights_id)
    digest = hashlib.sha256(data).digest()[:DIGEST_BYTES]
    return Weights(weights_id, digest, TorchRuntime(model))


def weights_file(source: str) -> Path:
    """The file of an installed id, or a path to a .safetensors file as it is.

    Raises WeightsError for an id that is not installed.
    """
    if source.endswith(".safetensors"):
        return Path(source)
    return _find(source)[0] / f"{source}.safetensors"


def load_network(path: Path) -> tuple[str, CodecModel]:
    """The class's name and the network, ready to train on, of a weights file.

    Raises WeightsError if it cannot be read.
    """
    name, model, _ = _read_network(path, path.stem)
    return name, model


def _read_network(path: Path, weights_id: str) -> tuple[str, CodecModel, bytes]:
    """The class's name, the network with its frozen tables, and the bytes of a weights file."""
    import safetensors
    from safetensors.torch import load

    from lic.models import UnknownModelError, create_model

    try:
        data = path.read_bytes()
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata()
        tensors = load(data)
        model = create_model(metadata["model"], json.loads(metadata["config"]))
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
    return metadata["model"], model, data


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

    model = create_model(model_name, config)
    model.load_state_dict({name: tensor.float() for name, tensor in state.items()})
    model.side.freeze()
    tensors = {name: tensor.cpu().contiguous() for name, tensor in state.items()}
    tensors[_TABLES_KEY] = model.side.counts
    data = save(tensors, {"model": model_name, "config": json.dumps(config)})
    write_file(path, data)
    return hashlib.sha256(data).hexdigest()
