"""Weights that are loaded and ready to code; `manifest` tells which ones there are.

Two kinds of weights files code: networks of integers, which need nothing but NumPy, and networks of
floats (the research family, or a network that was just trained), which need torch. A file of the
first kind is safetensors: the arrays of `lic.integer_networks.serialization`, and as metadata the
description of the graphs, the id of the float weights that it was made of, and known answers.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import RLock
from typing import Any

from safetensors import SafetensorError
from safetensors.numpy import load, save

from lic.codec.container import DIGEST_BYTES
from lic.codec.errors import MissingDeviceError, WeightsError, extra
from lic.codec.executors import Executor, open_executor
from lic.codec.executors.known_answers import check_answers, known_answers
from lic.codec.manifest import find
from lic.integer_networks import GraphError
from lic.integer_networks.codec_network import CodecNetwork
from lic.integer_networks.serialization import from_data, to_data

_KEY = "integer_codec"
# The bytes that tell how long a safetensors header is, which is JSON.
_LENGTH_BYTES = 8
_LOADING = RLock()


@dataclass(frozen=True)
class Weights:
    """Loaded weights: their id, the digest that files carry, and the network, ready to run."""

    id: str
    digest: bytes
    executor: Executor


def resolve(weights: str | Weights, device: str = "cpu") -> Weights:
    """Weights as they are, or the installed ones of an id (the last two stay loaded).

    ``device`` as in `lic.codec.executors.open_executor`, for integer weights.

    Raises
    ------
    WeightsError
        If none of that id is installed, or the file is damaged.
    """
    if not isinstance(weights, str):
        return weights
    found = find(weights)
    with _LOADING:  # once, even if several threads ask for them
        return _load_installed(found.file.resolve(), found.id, found.entry.digest, device)


# By the file, not by the id alone: the folders that are looked in can change.
@lru_cache(maxsize=2)
def _load_installed(path: Path, weights_id: str, digest: bytes, device: str) -> Weights:
    weights = load_weights(path, weights_id, device)
    if weights.digest != digest:
        raise WeightsError(f"the file of weights {weights_id!r} is not the one in the manifest")
    return weights


def load_weights(path: Path, weights_id: str, device: str = "cpu") -> Weights:
    """Load a weights file; ``device`` as for `resolve`.

    Raises
    ------
    WeightsError
        If it cannot be read, or its network gives other answers here than where it was made.
    MissingDeviceError
        If the device cannot be used.
    """
    try:
        data = path.read_bytes()
        metadata = _metadata(data)
        digest = hashlib.sha256(data).digest()[:DIGEST_BYTES]
        if _KEY in metadata:
            return _integer_weights(data, metadata, weights_id, digest, device)
        if device != "cpu":
            raise MissingDeviceError(f"weights {weights_id!r} are of floats: they run on the CPU")
        return Weights(weights_id, digest, _float_executor(data))
    except (OSError, ValueError, RecursionError) as error:
        raise WeightsError(f"weights {weights_id!r} cannot be loaded: {error}") from error


def _metadata(data: bytes) -> dict[str, str]:
    """The metadata of a safetensors file; raises ValueError if there is none."""
    end = _LENGTH_BYTES + int.from_bytes(data[:_LENGTH_BYTES], "little")
    header = json.loads(data[_LENGTH_BYTES:end])
    metadata = header.get("__metadata__") if isinstance(header, dict) else None
    if not isinstance(metadata, dict):
        raise ValueError("it is no weights file of lic")
    return metadata


def _float_executor(data: bytes) -> Executor:
    with extra("torch", "torch"):
        from lic.codec.executors.torch import FloatExecutor
        from lic.models.weights_file import read_network

    _, model = read_network(data)
    return FloatExecutor(model)


def _integer_weights(
    data: bytes, metadata: dict[str, str], weights_id: str, digest: bytes, device: str
) -> Weights:
    description, network = read_codec(data, metadata)
    executor = open_executor(network, device)
    check_answers(executor, description.get("known_answers"))
    return Weights(weights_id, digest, executor)


def read_codec(
    data: bytes, metadata: dict[str, str] | None = None
) -> tuple[dict[str, Any], CodecNetwork]:
    """The description and the network of a file of integer weights.

    Raises
    ------
    ValueError
        If it is damaged, or of a network that could not be run exactly (GraphError).
    """
    try:
        description = json.loads((metadata or _metadata(data))[_KEY])
        arrays = load(data)
    except (SafetensorError, KeyError, TypeError, RecursionError) as error:
        raise GraphError(f"it is no file of integer weights: {error}") from error
    if not isinstance(description, dict):
        raise GraphError("its description is no JSON object")
    return description, from_data(description.get("graphs"), arrays)


def codec_bytes(network: CodecNetwork, source: str | None) -> bytes:
    """The file of integer weights of a network that was made of float weights ``source``."""
    graphs, arrays = to_data(network)
    answers = known_answers(open_executor(network))
    description = {"source": source, "known_answers": answers, "graphs": graphs}
    return save(arrays, {_KEY: json.dumps(description, separators=(",", ":"))})
