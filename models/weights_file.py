"""Networks of floating-point numbers as weights files, and back.

A weights file is safetensors: the tensors of a model's state, the frozen integer tables of its side
information, and as metadata the model's name and configuration.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import safetensors
from safetensors.torch import load, save
from torch import Tensor

from lic.models.base import CodecModel
from lic.models.registry import UnknownModelError, create_model

_TABLES_KEY = "side.counts"
# The bytes that tell how long the header is, which is JSON.
_LENGTH_BYTES = 8


class WeightsFileError(ValueError):
    """A weights file cannot be read, or is of a network that this version does not know."""


def load_network(path: Path) -> tuple[str, CodecModel]:
    """The class's name and the network, ready to train on, of a weights file.

    Raises WeightsFileError if it cannot be read.
    """
    try:
        return read_network(path.read_bytes())
    except OSError as error:
        raise WeightsFileError(str(error)) from error


def read_network(data: bytes) -> tuple[str, CodecModel]:
    """As `load_network`, of the file's bytes."""
    try:
        tensors = load(data)
        header = data[_LENGTH_BYTES:][: int.from_bytes(data[:_LENGTH_BYTES], "little")]
        metadata = json.loads(header)["__metadata__"]
        model = create_model(metadata["model"], json.loads(metadata["config"]))
        model.side.counts = tensors.pop(_TABLES_KEY)
        model.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
    except (
        ValueError,
        KeyError,
        TypeError,
        RuntimeError,
        UnknownModelError,
        safetensors.SafetensorError,
    ) as error:
        raise WeightsFileError(str(error)) from error
    return metadata["model"], model


def network_bytes(model_name: str, config: dict[str, Any], state: dict[str, Tensor]) -> bytes:
    """The weights file of a model's state.

    The state's tensors are stored as they are; the tables of the side information are computed
    from them here, once and for all machines.
    """
    model = create_model(model_name, config)
    model.load_state_dict({name: tensor.float() for name, tensor in state.items()})
    model.side.freeze()
    tensors = {name: tensor.cpu().contiguous() for name, tensor in state.items()}
    tensors[_TABLES_KEY] = model.side.counts
    return save(tensors, {"model": model_name, "config": json.dumps(config)})
