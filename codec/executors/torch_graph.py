"""Graphs of integers in torch: the same integers as the reference's, on a GPU or a CPU.

Doubles hold every sum of a graph exactly, whatever the order of its terms, so that matrix products
in float64 are exact; all else is int64. Use it where there is a GPU; on a CPU,
`lic.integer_networks.native` is faster.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import singledispatch
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from lic.codec.errors import MissingDeviceError
from lic.integer_networks import Graph, MixtureArrays
from lic.integer_networks import layers as kinds
from lic.integer_networks.fixed_point import GAIN_BITS, LARGEST
from lic.integer_networks.graph import Result
from lic.integer_networks.reference import addends, factors


def graphs_on(device: str) -> Callable[[Graph], TorchGraph]:
    """What makes graphs that run on a device, by torch's name of it.

    Raises MissingDeviceError if it cannot be used here.
    """
    try:
        torch.zeros(1, dtype=torch.float64, device=device).cpu()
    except (RuntimeError, TypeError, AssertionError) as error:
        raise MissingDeviceError(f"torch cannot use the device {device!r} here") from error
    return lambda graph: TorchGraph(graph, torch.device(device))


class TorchGraph:
    """A graph on a device of torch's."""

    def __init__(self, graph: Graph, device: torch.device) -> None:
        self._graph = graph
        self._device = device
        self._constants = [
            {name: self._tensor(getattr(layer, name)) for name in ("weights", "bias")}
            if isinstance(layer, kinds.Convolution | kinds.Depthwise)
            else {}
            for layer in graph.layers
        ]

    def _tensor(self, array: NDArray[Any], dtype: torch.dtype = torch.float64) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self._device, dtype)

    @torch.inference_mode()
    def run(self, inputs: tuple[NDArray[np.int16], ...], quality: int) -> tuple[Result, ...]:
        """As `lic.integer_networks.reference.run`."""
        self._graph.check_inputs(inputs)
        given = iter(inputs)
        values: list[Any] = []
        for layer, constants in zip(self._graph.layers, self._constants, strict=True):
            if isinstance(layer, kinds.Input):
                values.append(self._tensor(next(given), torch.int64))
                continue
            scale = {}
            if isinstance(layer, kinds.Convolution | kinds.Depthwise | kinds.Gain):
                scale["factors"] = self._tensor(factors(layer.multiplier, quality), torch.int64)
                offsets = np.asarray(addends(layer.multiplier, quality))
                scale["offsets"] = self._tensor(offsets, torch.int64)
            sources = [values[source] for source in layer.sources]
            values.append(_compute(layer, sources, constants | scale))
        return tuple(self._result(place, values[place]) for place in self._graph.outputs)

    def _result(self, place: int, value: Any) -> Result:
        if isinstance(value, MixtureArrays):
            return value
        dtype = torch.int16 if self._graph.values[place].narrow else torch.int32
        result: Result = value.to(dtype).cpu().numpy()
        return result


@singledispatch
def _compute(layer: Any, sources: list[Tensor], tensors: dict[str, Tensor]) -> Any:
    """What one layer makes of its sources (B, h, w, C), int64."""
    raise TypeError(f"no layer: {layer!r}")


@_compute.register
def _(layer: kinds.Convolution, sources: list[Tensor], tensors: dict[str, Tensor]) -> Tensor:
    product = sources[0].double() @ tensors["weights"].T
    return _finish(layer, product + tensors["bias"], tensors)


@_compute.register
def _(layer: kinds.Depthwise, sources: list[Tensor], tensors: dict[str, Tensor]) -> Tensor:
    reach = layer.reach
    height, width = sources[0].shape[1:3]
    # Not by a library's convolution: it may compute in ways that round.
    framed = F.pad(sources[0].double(), (0, 0, reach, reach, reach, reach))
    total = tensors["bias"].expand(sources[0].shape)
    for row in range(2 * reach + 1):
        for column in range(2 * reach + 1):
            window = framed[:, row : row + height, column : column + width]
            total = total + window * tensors["weights"][row, column]
    return _finish(layer, total, tensors)


def _rescale(values: Tensor, multipliers: Tensor | int) -> Tensor:
    return (values * multipliers + (1 << 30)) >> 31


def _saturate(values: Tensor) -> Tensor:
    return values.clamp(-LARGEST, LARGEST)


def _finish(
    layer: kinds.Convolution | kinds.Depthwise, total: Tensor, tensors: dict[str, Tensor]
) -> Tensor:
    scaled = _rescale(total.long(), tensors["factors"]) + tensors["offsets"]
    return scaled.clamp(layer.low, layer.high)


def _gated(value: Tensor, gate: Tensor, layer: kinds.HardSwish | kinds.Gate) -> Tensor:
    opened = (gate + layer.three).clamp(0, 2 * layer.three)
    return _saturate(_rescale(value * opened, layer.multiplier))


@_compute.register
def _(layer: kinds.HardSwish, sources: list[Tensor], tensors: dict[str, Tensor]) -> Tensor:
    return _gated(sources[0], sources[0], layer)


@_compute.register
def _(layer: kinds.Gate, sources: list[Tensor], tensors: dict[str, Tensor]) -> Tensor:
    value, gate = sources[0].chunk(2, dim=3)
    return _gated(value, gate, layer)


@_compute.register
def _(layer: kinds.Add, sources: list[Tensor], tensors: dict[str, Tensor]) -> Tensor:
    return _saturate(sources[0] + sources[1])


@_compute.register
def _(layer: kinds.Gain, sources: list[Tensor], tensors: dict[str, Tensor]) -> Tensor:
    gained = sources[0] * tensors["factors"] + (1 << (GAIN_BITS - 1))
    return (gained >> GAIN_BITS).clamp(layer.low, layer.high)


@_compute.register
def _(layer: kinds.Concatenation, sources: list[Tensor], tensors: dict[str, Tensor]) -> Tensor:
    return torch.cat(sources, dim=3)


@_compute.register
def _(layer: kinds.Unshuffle, sources: list[Tensor], tensors: dict[str, Tensor]) -> Tensor:
    batch, height, width, channels = sources[0].shape
    n = layer.factor
    cells = sources[0].reshape(batch, height // n, n, width // n, n, channels)
    return cells.permute(0, 1, 3, 2, 4, 5).reshape(batch, height // n, width // n, -1)


@_compute.register
def _(layer: kinds.Shuffle, sources: list[Tensor], tensors: dict[str, Tensor]) -> Tensor:
    batch, height, width, _ = sources[0].shape
    n = layer.factor
    cells = sources[0].reshape(batch, height, width, n, n, -1)
    return cells.permute(0, 1, 3, 2, 4, 5).reshape(batch, height * n, width * n, -1)


@_compute.register
def _(layer: kinds.Subsample, sources: list[Tensor], tensors: dict[str, Tensor]) -> Tensor:
    return sources[0][:, layer.row :: 2, layer.column :: 2]


@_compute.register
def _(layer: kinds.Mixture, sources: list[Tensor], tensors: dict[str, Tensor]) -> MixtureArrays:
    parts = [source.reshape(*source.shape[:3], layer.parts, -1) for source in sources]
    raw = torch.cat(parts, dim=4).movedim(3, 1)  # (B, parts, h, w, M)
    count = layer.components
    first = torch.zeros_like(raw[:, :1])
    means = torch.cat((first, raw[:, 1 + count : 2 * count]), dim=1)
    logits = torch.cat((first, raw[:, 2 * count :]), dim=1)
    logits = 127 + logits - logits.amax(dim=1, keepdim=True)
    scales = (raw[:, 1 : 1 + count] + 128) >> 8
    return MixtureArrays(
        raw[:, 0].int().cpu().numpy(),
        logits.clamp(-128, 127).to(torch.int8).cpu().numpy(),
        means.clamp(-32768, 32767).to(torch.int16).cpu().numpy(),
        scales.clamp(0, 255).to(torch.uint8).cpu().numpy(),
    )
