from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from lic.models import create_preset, full_config
from lic.models.weights_file import WeightsFileError, load_network, network_bytes, read_network


def test_a_network_is_read_as_it_was_written() -> None:
    model = create_preset("tiny")
    name, read = read_network(network_bytes("deployable", full_config(model), model.state_dict()))
    assert name == "deployable"
    assert full_config(read) == full_config(model)
    state = read.state_dict()
    for key, tensor in model.state_dict().items():
        assert torch.equal(state[key], tensor)


def test_tensors_of_half_precision_are_read_as_floats() -> None:
    model = create_preset("tiny")
    halves = {key: tensor.half() for key, tensor in model.state_dict().items()}
    _, read = read_network(network_bytes("deployable", full_config(model), halves))
    for key, tensor in read.state_dict().items():
        assert torch.equal(tensor, halves[key].float())


def test_the_tables_of_the_side_information_are_in_the_file() -> None:
    model = create_preset("tiny")
    data = network_bytes("deployable", full_config(model), model.state_dict())
    first, second = (read_network(data)[1].side.counts for _ in range(2))
    assert first.dtype == torch.int32
    assert torch.equal(first, second)


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        {"config": "{}"},
        {"model": "deployable"},
        {"model": "nope", "config": "{}"},
        {"model": "deployable", "config": "{"},
        {"model": "deployable", "config": json.dumps({"width": -1})},
        {"model": "deployable", "config": json.dumps({"colour": 1})},
        {"model": "deployable", "config": "{}"},
    ],
)
def test_a_file_that_holds_no_network_is_a_named_error(
    metadata: dict[str, str] | None, tmp_path: Path
) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(save({"side.counts": torch.zeros(1)}, metadata))
    with pytest.raises(WeightsFileError):
        load_network(path)


@pytest.mark.parametrize("size", [0, 7, 8, 100, 5000])
def test_a_file_cut_off_is_a_named_error(size: int) -> None:
    model = create_preset("tiny")
    data = network_bytes("deployable", full_config(model), model.state_dict())
    with pytest.raises(WeightsFileError):
        read_network(data[:size])


def test_a_missing_file_is_a_named_error(tmp_path: Path) -> None:
    with pytest.raises(WeightsFileError, match="No such file"):
        load_network(tmp_path / "none.safetensors")
