"""Codecs of integers as plain data: a description for JSON, and named arrays; and back.

Nothing that is read is trusted: every field has its type checked, and making the graphs proves the
rest. `lic.codec.weights` keeps both in a weights file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from types import NoneType
from typing import Any, get_args, get_type_hints

import numpy as np
from numpy.typing import NDArray

from . import layers as kinds
from .codec_network import STEPS, CodecNetwork
from .errors import GraphError
from .graph import MAXIMUM_LAYERS, Graph
from .packing import Packed, pack, unpack
from .values import Multiplier

Arrays = dict[str, NDArray[Any]]

_PARTS = ("analysis", "hyper_analysis", "hyper_synthesis", "corrector", "synthesis")
_STEPS = tuple(f"step{step}" for step in range(STEPS))
_TABLES = ("to_steps", "from_steps", "side_counts")
# Fields that are left out where they have their defaults: they came after the first files.
_OPTIONAL: dict[type, tuple[str, ...]] = {kinds.Gain: ("low", "high")}
_KINDS: dict[str, type] = {kind.__name__: kind for kind in get_args(kinds.Layer)}


def to_data(network: CodecNetwork) -> tuple[dict[str, Any], Arrays]:
    """The graphs of a network for JSON, by the names of its parts, and its arrays."""
    arrays: Arrays = {name: np.ascontiguousarray(getattr(network, name)) for name in _TABLES}
    graphs = {name: getattr(network, name) for name in _PARTS}
    graphs.update(zip(_STEPS, network.steps, strict=True))
    return {
        name: {
            "outputs": list(graph.outputs),
            "layers": [
                {"kind": type(layer).__name__, **_described(layer, f"{name}.{place}", arrays)}
                for place, layer in enumerate(graph.layers)
            ],
        }
        for name, graph in graphs.items()
        if graph is not None
    }, arrays


def _described(value: Any, place: str, arrays: Arrays) -> dict[str, Any]:
    """The fields of a dataclass; its arrays go to ``arrays`` under names that begin with place."""
    description: dict[str, Any] = {}
    for field in fields(value):
        item = getattr(value, field.name)
        if field.name in _OPTIONAL.get(type(value), ()) and item == field.default:
            continue
        packed = pack(item) if field.name == "weights" else None
        if packed is not None:
            description["packed"] = [packed.bits, *packed.shape]
            arrays[f"{place}.weights"] = packed.numbers
            arrays[f"{place}.shifts"] = packed.shifts
        elif isinstance(item, np.ndarray):
            # Files have the memory of an array, whatever the order of its axes.
            arrays[f"{place}.{field.name}"] = np.ascontiguousarray(item)
        elif isinstance(item, Multiplier):
            _described(item, f"{place}.{field.name}", arrays)
        elif item is not None:
            description[field.name] = list(item) if isinstance(item, tuple) else item
    return description


def from_data(description: Any, arrays: Mapping[str, NDArray[Any]]) -> CodecNetwork:
    """The network of a description that was read from JSON, and of arrays.

    Raises
    ------
    GraphError
        If they are damaged, or of a network that could not be run exactly.
    """
    left = dict(arrays)
    if not isinstance(description, dict) or not description.keys() <= {*_PARTS, *_STEPS}:
        raise GraphError("the parts of the network are wrong")
    graphs: dict[str, Any] = {
        name: _graph(value, name, left) for name, value in description.items()
    }
    missing = {*_PARTS, *_STEPS} - graphs.keys() - {"corrector"}
    missing |= {name for name in _TABLES if name not in left}
    if missing:
        raise GraphError(f"parts of the network are missing: {', '.join(sorted(missing))}")
    tables: dict[str, Any] = {name: left.pop(name) for name in _TABLES}
    if left:
        raise GraphError(f"arrays belong to no layer: {', '.join(sorted(left)[:3])}")
    steps = tuple(graphs.pop(name) for name in _STEPS)
    return CodecNetwork(steps=steps, corrector=graphs.pop("corrector", None), **graphs, **tables)


def _graph(description: Any, name: str, arrays: Arrays) -> Graph:
    if not isinstance(description, dict) or description.keys() != {"outputs", "layers"}:
        raise GraphError(f"the graph {name} has wrong fields")
    layers = description["layers"]
    if not isinstance(layers, list) or len(layers) > MAXIMUM_LAYERS:
        raise GraphError(f"the graph {name} has no list of at most {MAXIMUM_LAYERS} layers")
    made = tuple(_layer(layer, f"{name}.{place}", arrays) for place, layer in enumerate(layers))
    return Graph(made, _integers(description["outputs"], name))


def _layer(description: Any, place: str, arrays: Arrays) -> Any:
    if not isinstance(description, dict) or not isinstance(description.get("kind"), str):
        raise GraphError(f"the layer {place} has no kind")
    if description["kind"] not in _KINDS:
        raise GraphError(f"the layer {place} is of an unknown kind")
    values = {name: value for name, value in description.items() if name != "kind"}
    layer = _made(_KINDS[description["kind"]], values, place, arrays)
    if values:
        raise GraphError(f"the layer {place} has unknown fields")
    return layer


def _made(kind: type, values: dict[str, Any], place: str, arrays: Arrays) -> Any:
    """A dataclass, by the types of its fields; takes what it uses out of ``values`` and arrays."""
    made = {}
    for name, hint in _hints(kind).items():
        if hint is Multiplier:
            made[name] = _made(Multiplier, {}, f"{place}.{name}", arrays)
        elif name not in values and name in _OPTIONAL.get(kind, ()):
            continue
        elif name == "weights" and "packed" in values:
            bits, *shape = _integers(values.pop("packed"), place) or (0,)
            numbers, shifts = (
                arrays.pop(f"{place}.{array}", None) for array in ("weights", "shifts")
            )
            if numbers is None or shifts is None:
                raise GraphError(f"the layer {place} has no packed weights")
            made[name] = unpack(Packed(bits, tuple(shape), numbers, shifts))
        elif hint is int or hint is str:
            if type(values.get(name)) is not hint:
                raise GraphError(f"the layer {place} has no {hint.__name__} {name}")
            made[name] = values.pop(name)
        elif hint == tuple[int, ...]:
            made[name] = _integers(values.pop(name, None), place)
        else:
            made[name] = arrays.pop(f"{place}.{name}", None)
            if made[name] is None and NoneType not in get_args(hint):
                raise GraphError(f"the layer {place} has no {name}")
    return kind(**made)


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _integers(value: Any, place: str) -> tuple[int, ...]:
    if not isinstance(value, list) or not all(type(item) is int for item in value):
        raise GraphError(f"a list of integers is missing at {place}")
    return tuple(value)
