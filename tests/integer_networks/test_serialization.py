from __future__ import annotations

import copy
import json
from typing import Any

import numpy as np
import pytest

from lic.integer_networks import GraphError
from lic.integer_networks.codec_network import CodecNetwork
from lic.integer_networks.layers import Gain
from lic.integer_networks.serialization import from_data, to_data


def test_a_network_survives_the_way_to_json_and_arrays(network: CodecNetwork) -> None:
    description, arrays = to_data(network)
    again = from_data(json.loads(json.dumps(description)), arrays)
    assert to_data(again)[0] == description
    for name, array in to_data(again)[1].items():
        assert array.dtype == arrays[name].dtype
        assert (array == arrays[name]).all()
        assert array.flags.c_contiguous


def test_the_limits_of_a_gain_are_left_out_if_they_are_usual(
    network: CodecNetwork,
) -> None:
    description, arrays = to_data(network)
    layers = description["synthesis"]["layers"]
    place = next(i for i, layer in enumerate(layers) if layer["kind"] == "Gain")
    assert not {"low", "high"} & layers[place].keys()
    gain = from_data(description, arrays).synthesis.layers[place]
    assert isinstance(gain, Gain)
    assert (gain.low, gain.high) == (-32767, 32767)
    layers[place] |= {"low": -127, "high": 127}
    again = from_data(description, arrays)
    narrow = again.synthesis.layers[place]
    assert isinstance(narrow, Gain)
    assert (narrow.low, narrow.high) == (-127, 127)
    assert to_data(again)[0] == description


def edits(description: Any) -> list[tuple[str, Any]]:
    """Damaged descriptions, each with what is wrong."""
    found = []

    def add(name: str, change: Any) -> None:
        damaged = copy.deepcopy(description)
        change(damaged)
        found.append((name, damaged))

    layers = "analysis", "layers"
    add("a part is missing", lambda d: d.pop("synthesis"))
    add("a part is unknown", lambda d: d.update(other=d["synthesis"]))
    add("a graph is no object", lambda d: d.update(step1=[]))
    add("a graph has no outputs", lambda d: d["step0"].pop("outputs"))
    add("outputs are no list", lambda d: d["step0"].update(outputs=3))
    add("outputs are no integers", lambda d: d["step0"].update(outputs=[True]))
    add("layers are no list", lambda d: d["step0"].update(layers={}))
    add("a kind is unknown", lambda d: d[layers[0]][layers[1]][2].update(kind="Softmax"))
    add("a kind is no name", lambda d: d[layers[0]][layers[1]][2].update(kind=["Add"]))
    add("a field is missing", lambda d: d[layers[0]][layers[1]][0].pop("low"))
    add("a field is unknown", lambda d: d[layers[0]][layers[1]][0].update(extra=1))
    add("a field has another type", lambda d: d[layers[0]][layers[1]][0].update(low="-255"))
    add("a number is real", lambda d: d[layers[0]][layers[1]][0].update(low=-255.0))
    add("a source is no integer", lambda d: d[layers[0]][layers[1]][1].update(sources=["0"]))
    add("a source lies ahead", lambda d: d[layers[0]][layers[1]][1].update(sources=[5]))
    add("there are too many layers", lambda d: d["step0"].update(layers=[{}] * 2000))
    return found


def test_damaged_descriptions_are_named_errors(network: CodecNetwork) -> None:
    description, arrays = to_data(network)
    damaged: list[tuple[str, Any]] = [*edits(description), ("no object", []), ("nothing", None)]
    for _, value in damaged:
        with pytest.raises(GraphError):
            from_data(value, arrays)


def test_damaged_arrays_are_named_errors(network: CodecNetwork) -> None:
    description, arrays = to_data(network)
    name = [name for name in arrays if name.endswith(".weights")][-1]
    weights = arrays[name]
    for changed in (
        {},
        {name: weights[:-1]},
        {name: weights.astype(np.int32)},
        {name: weights.astype(np.float32)},
        {name: weights.ravel()},
        {name: np.full(weights.shape, 32767, np.int16)},
        {name: weights, "analysis.99.weights": weights},
    ):
        others = {key: value for key, value in arrays.items() if key != name}
        with pytest.raises(GraphError):
            from_data(description, others | changed)
