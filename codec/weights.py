"""Weights that are loaded and ready to code; `manifest` tells which ones there are."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from lic.codec.container import DIGEST_BYTES
from lic.codec.errors import WeightsError
from lic.codec.manifest import find

if TYPE_CHECKING:
    from lic.codec.runtime import TorchRuntime


@dataclass(frozen=True)
class Weights:
    """Loaded weights: their id, the digest that files carry, and the network, ready to run."""

    id: str
    digest: bytes
    runtime: TorchRuntime


def resolve(weights: str | Weights) -> Weights:
    """Weights as they are, or the installed ones of an id (the last two stay loaded).

    Raises
    ------
    WeightsError
        If none of that id is installed, or the file is damaged.
    """
    if not isinstance(weights, str):
        return weights
    found = find(weights)
    return _load_installed(found.file.resolve(), found.id, found.entry.digest)


# By the file, not by the id alone: the folders that are looked in can change.
@lru_cache(maxsize=2)
def _load_installed(path: Path, weights_id: str, digest: bytes) -> Weights:
    weights = load_weights(path, weights_id)
    if weights.digest != digest:
        raise WeightsError(f"the file of weights {weights_id!r} is not the one in the manifest")
    return weights


def load_weights(path: Path, weights_id: str) -> Weights:
    """Load a weights file; raises WeightsError if it cannot be read."""
    from lic.codec.runtime import TorchRuntime
    from lic.models.weights_file import WeightsFileError, read_network

    try:
        data = path.read_bytes()
        _, model = read_network(data)
    except (OSError, WeightsFileError) as error:
        raise WeightsError(f"weights {weights_id!r} cannot be loaded: {error}") from error
    return Weights(weights_id, hashlib.sha256(data).digest()[:DIGEST_BYTES], TorchRuntime(model))
