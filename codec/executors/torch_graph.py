"""Graphs of integers in torch: the same integers as the reference's, on a GPU or a CPU.

Use it where there is a GPU; on a CPU, `lic.integer_networks.native` is faster. Calls from several
threads run as one batch. On a GPU there are two batches at a time, each on a stream of its own with
pinned memory at its ends, so that one is copied while the other is computed.
"""

from __future__ import annotations

from contextlib import nullcontext
from functools import lru_cache, partial
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lic.codec.errors import MissingDeviceError
from lic.codec.executors.batching import BatchedGraph, Batcher, Place
from lic.codec.executors.torch_model import (
    Mixture,
    Product,
    Scale,
    TorchModel,
    exact_product,
)
from lic.integer_networks import Graph, MixtureArrays
from lic.integer_networks.graph import Result

_STREAMS = 2
# Qualities whose factors are kept on the device.
_QUALITIES = 16


def graphs_on(device: str) -> MakeGraph:
    """What makes graphs that run on a device, by torch's name of it.

    Raises MissingDeviceError if it cannot be used here.
    """
    try:
        torch.zeros(1, dtype=torch.float64, device=device).cpu()
    except (RuntimeError, TypeError, AssertionError) as error:
        raise MissingDeviceError(f"torch cannot use the device {device!r} here") from error
    chosen = torch.device(device)
    places: list[Place] = [nullcontext]
    if chosen.type == "cuda":
        places = [_own_stream(chosen) for _ in range(_STREAMS)]
    batcher = Batcher(places)

    def make(graph: Graph, product: Product = exact_product) -> BatchedGraph:
        return BatchedGraph(graph, TorchGraph(graph, chosen, product), batcher)

    return make


class MakeGraph(Protocol):
    """Makes graphs that share a device."""

    def __call__(self, graph: Graph, product: Product = exact_product) -> BatchedGraph:
        """A graph whose convolutions are products of a kind."""
        ...


def _own_stream(device: torch.device) -> Place:
    stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    return partial(torch.cuda.stream, stream)


class TorchGraph:
    """A graph on a device of torch's."""

    def __init__(self, graph: Graph, device: torch.device, product: Product) -> None:
        self._graph, self._device = graph, device
        self._model = TorchModel(graph, product).to(device)
        self._scales = lru_cache(_QUALITIES)(self._scales_at)
        self._wait()

    @torch.inference_mode()
    def run(self, inputs: tuple[NDArray[np.int16], ...], quality: int) -> tuple[Result, ...]:
        """As `lic.integer_networks.reference.run`."""
        self._graph.check_inputs(inputs)
        scales = self._scales(quality)
        results = self._model(scales, *(self._to_device(array) for array in inputs))
        # All of them are on their way before one is waited for.
        found = [self._to_host(r) for r in results]
        self._wait()
        return tuple(
            MixtureArrays(*(part.numpy() for part in value))
            if isinstance(value, Mixture)
            else value.numpy()
            for value in found
        )

    def _scales_at(self, quality: int) -> dict[int, Scale]:
        scales = self._model.scales(torch.tensor([quality], device=self._device))
        self._wait()  # other streams will read them
        return scales

    def _to_device(self, array: NDArray[Any]) -> Tensor:
        tensor = torch.from_numpy(np.ascontiguousarray(array))
        if self._device.type == "cuda":
            tensor = tensor.pin_memory()
        return tensor.to(self._device, non_blocking=True)

    def _to_host(self, value: Any) -> Any:
        """A copy that is complete after `_wait`."""
        if isinstance(value, Mixture):
            return Mixture(*map(self._to_host, value))
        if self._device.type != "cuda":
            return value.cpu()
        copy = torch.empty(value.shape, dtype=value.dtype, pin_memory=True)
        return copy.copy_(value, non_blocking=True)

    def _wait(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.current_stream(self._device).synchronize()
