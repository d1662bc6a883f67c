"""Fuzzing the loader of weights of integers, and their executor: damaged and hostile files.

``python tests/fuzz/fuzz_weights.py SECONDS [--seed N] [--inputs N]``. Whatever a file holds, it is
refused with a WeightsError before anything of it codes, in bounded time and memory; or it codes a
picture to the same bytes and pixels as by the definition in NumPy. Known answers are made to fit
where the network can answer, as a hostile author would. An input that does otherwise is written to
a file.
"""

from __future__ import annotations

import copy
import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
from fuzzing import fuzz, mutated, run
from numpy.typing import NDArray
from safetensors.numpy import save

from lic.codec.coding import decode_pixels, encode_picture
from lic.codec.container import read_container
from lic.codec.errors import LicError
from lic.codec.executors import open_executor
from lic.codec.executors.integers import IntegerExecutor
from lic.codec.executors.known_answers import known_answers
from lic.codec.weights import codec_bytes, load_weights, read_codec
from lic.integer_networks.layers import Layer
from lic.integer_networks.serialization import from_data, to_data

TINY = Path(__file__).parents[1] / "data" / "tiny.safetensors"
KEY = "integer_codec"
LENGTH_BYTES = 8
KINDS = [kind.__name__ for kind in get_args(Layer)]
NUMBERS = (-(2**63), -(2**31), -32768, -1, 0, 1, 2, 3, 4, 8, 64, 127, 255, 32767, 2**31 - 1, 10**30)
VALUES = (None, True, 0.5, "", "x", [], {}, [None], [[0]], {"a": 1}, 1e400)
TYPES = (np.int8, np.uint8, np.int16, np.int32, np.int64, np.float16, np.float32, np.bool_)
# What a damage raises where an earlier one left nothing to damage.
NOTHING_LEFT = (TypeError, KeyError, IndexError, ValueError, AttributeError, OverflowError)
Arrays = dict[str, NDArray[Any]]
Description = dict[str, Any]


class Damage:
    """Ways to damage the description of graphs, and arrays, in place."""

    def __init__(self, random: np.random.Generator) -> None:
        self.random = random

    def once(self, graphs: Description, arrays: Arrays) -> None:
        """Do one damage of any kind."""
        ways = (self.number, self.field, self.layer, self.chain, self.graph)
        if self.random.random() < 0.5:
            self.array(arrays)
        else:
            self.one(ways)(graphs)

    def one(self, things: Any) -> Any:
        """Any one of a sequence."""
        return things[int(self.random.integers(len(things)))]

    def value(self) -> Any:
        """A number or something else."""
        return self.one(NUMBERS) if self.random.random() < 0.7 else self.one(VALUES)

    def any_layer(self, graphs: Description) -> Any:
        """A layer of any graph, if it still has some."""
        layers = self.one(list(graphs.values())).get("layers")
        return self.one(layers) if isinstance(layers, list) and layers else {}

    def number(self, graphs: Description) -> None:
        """Another number where one was, often a near one."""
        layer = self.any_layer(graphs)
        numbers = [name for name, value in layer.items() if type(value) is int]
        if numbers:
            name = self.one(numbers)
            near = layer[name] + int(self.random.integers(-2, 3))
            layer[name] = near if self.random.random() < 0.5 else self.one(NUMBERS)
        elif layer.get("sources"):
            layer["sources"][0] += int(self.random.integers(-2, 3))

    def field(self, graphs: Description) -> None:
        """A field that is missing, unknown or of another type."""
        layer = self.any_layer(graphs)
        name = self.one([*layer, "low", "factor", "odd"])
        if self.random.random() < 0.3:
            layer.pop(name, None)
        else:
            layer[name] = self.value()

    def layer(self, graphs: Description) -> None:
        """A layer of another kind, or one that is missing, doubled or moved."""
        graph = self.one(list(graphs.values()))
        layers, place = graph["layers"], int(self.random.integers(len(graph["layers"])))
        match self.random.integers(4):
            case 0:
                layers[place]["kind"] = self.one([*KINDS, "Other"])
            case 1:
                del layers[place]
            case 2:
                layers.insert(place, copy.deepcopy(layers[place]))
            case 3:
                layers[place] = self.value()

    def chain(self, graphs: Description) -> None:
        """More layers after the last: few, which may well fit, or hundreds."""
        graph = self.one(list(graphs.values()))
        layers = graph["layers"]
        fields: dict[str, dict[str, Any]] = {
            "HardSwish": {"three": 3000, "multiplier": 2**19},
            "Gate": {"three": 3000, "multiplier": 2**19},
            "Add": {},
            "Concatenation": {},
            "Unshuffle": {"factor": 2},
            "Shuffle": {"factor": self.one((2, 4, 8))},
            "Subsample": {"row": 0, "column": 1},
            "Mixture": {"components": 1},
            "Input": {"name": "more", "channels": 8192, "low": 0, "high": 0, "divisor": 1},
        }
        back = int(self.random.integers(1, 4))
        for _ in range(self.one((1, 1, 1, 2, 3, 300, 1023))):
            kind = self.one(list(fields) if self.random.random() < 0.5 else ["HardSwish", "Add"])
            count = {"Add": 2, "Concatenation": self.one((2, 16)), "Input": 0}.get(kind, 1)
            sources = [max(len(layers) - back, 0)] * count
            layers.append({"kind": kind, "sources": sources, **fields[kind]})
        graph["outputs"] = [len(layers) - 1]

    def graph(self, graphs: Description) -> None:
        """A graph that is missing or another's, or has other outputs."""
        name, other = self.one(list(graphs)), self.one(list(graphs))
        match self.random.integers(4):
            case 0:
                del graphs[name]
            case 1:
                graphs[name] = copy.deepcopy(graphs[other])
            case 2:
                graphs[name]["outputs"] = [self.one(NUMBERS)]
            case 3:
                graphs[name][self.one(("outputs", "layers"))] = self.value()

    def array(self, arrays: Arrays) -> None:
        """Other values, or another type, shape or name."""
        name = self.one(list(arrays))
        array = arrays[name]
        match self.random.integers(9):
            case 0 | 1 | 2 if array.size:
                # What any integer can be, so that many fit.
                limits = np.iinfo(array.dtype) if array.dtype.kind in "iu" else np.iinfo(np.int8)
                places = self.random.integers(array.size, size=int(self.one((1, 8, array.size))))
                chosen = self.random.integers(limits.min, limits.max, places.size, endpoint=True)
                array.flat[places] = chosen >> int(self.random.integers(24))
            case 3 if array.size:
                near = array.flat[0].astype(np.float64) + self.random.integers(-2, 3)
                array.flat[0] = near.astype(array.dtype)
            case 4:
                with np.errstate(all="ignore"):
                    arrays[name] = array.astype(self.one(TYPES))
            case 5:
                shapes = [(), (0,), (array.size,), (1, *array.shape), array.shape[::-1]]
                arrays[name] = np.resize(array, self.one(shapes))
            case 6:
                axis = int(self.random.integers(max(array.ndim, 1)))
                if array.ndim:
                    arrays[name] = np.repeat(array, self.one((0, 2)), axis=axis)
            case 7:
                del arrays[name]
            case 8:
                arrays[f"{name}{self.one(('s', '.', ''))}"] = arrays[self.one(list(arrays))]


def fitting_answers(graphs: Description, arrays: Arrays) -> dict[str, int]:
    """The known answers of a network, if it gives any."""
    try:
        return known_answers(open_executor(from_data(graphs, arrays)))
    except ValueError:
        return {}


def damaged_bytes(valid: bytes, random: np.random.Generator) -> bytes:
    """A file with damage anywhere, or in its header, whose length fits, or that nests deeply."""
    chance = random.random()
    if chance < 0.4:
        return mutated(valid, random)
    end = LENGTH_BYTES + int.from_bytes(valid[:LENGTH_BYTES], "little")
    header = valid[LENGTH_BYTES:end]
    if chance < 0.9:
        header = mutated(header, random)
    else:
        place = int(random.integers(60))
        header = header[:place] + 10**5 * b"[" + header[place:]
    return len(header).to_bytes(LENGTH_BYTES, "little") + header + valid[end:]


def inputs(random: np.random.Generator) -> Iterator[bytes]:
    """Weights files without end: damaged as bytes, or whole ones of damaged graphs and arrays."""
    description, network = read_codec(TINY.read_bytes())
    valid = codec_bytes(network, description["source"])
    graphs, arrays = to_data(network)
    damage = Damage(random)
    while True:
        if random.random() < 0.15:
            data = damaged_bytes(valid, random)
            if KEY.encode() in data:  # else it is no file of integers, which torch would read
                yield data
            continue
        new_graphs, new_arrays = copy.deepcopy(graphs), copy.deepcopy(arrays)
        for _ in range(random.integers(1, 4)):
            with suppress(*NOTHING_LEFT):
                damage.once(new_graphs, new_arrays)
        new_arrays = {name: array.copy() for name, array in new_arrays.items()}  # contiguous
        described = {
            "source": "tiny-float",
            "known_answers": fitting_answers(new_graphs, new_arrays),
            "graphs": new_graphs,
        }
        yield save(new_arrays, {KEY: json.dumps(described)})


def outcome(data: bytes, pixels: NDArray[np.uint8]) -> str:
    """What becomes of an input: "coded", or the name of the error."""
    with tempfile.NamedTemporaryFile(suffix=".safetensors") as file:
        file.write(data)
        file.flush()
        try:
            weights = load_weights(Path(file.name), "damaged")
        except LicError as error:
            return type(error).__name__
    assert isinstance(weights.executor, IntegerExecutor)
    defined = replace(weights, executor=open_executor(weights.executor.network, "reference"))
    file_bytes = encode_picture(pixels, 60, weights)
    assert file_bytes == encode_picture(pixels, 60, defined), "the executors write other bytes"
    container = read_container(file_bytes, pixels.size)
    shown = decode_pixels(container, lambda: weights)
    assert shown.shape == pixels.shape
    assert (shown == decode_pixels(container, lambda: defined)).all(), (
        "the executors show other pixels"
    )
    return "coded"


def fuzz_weights(seconds: float, seed: int, limit: int | None) -> Counter[str]:
    """Load inputs for some seconds, or as many as ``limit``; counts them by outcome."""
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 256, (50, 90, 3)).astype(np.uint8)
    assert outcome(TINY.read_bytes(), pixels) == "coded"
    return fuzz(inputs(random), lambda data: outcome(data, pixels), seconds, limit, ".safetensors")


if __name__ == "__main__":
    run(__doc__, fuzz_weights)
