"""Graphs of integers in ONNX Runtime: the same integers as the reference's, on a CPU or a GPU.

Calls of several threads run as one batch. On a CPU, `lic.integer_networks.native` takes a fifth of
the time. Use this where ONNX Runtime is at home and torch is not, such as on a GPU of a server.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import nullcontext
from itertools import islice

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from lic.codec.errors import MissingDeviceError
from lic.codec.executors.batching import BatchedGraph, Batcher
from lic.codec.executors.onnx_model import MIXTURE, QUALITY, OnnxModel, output_mixture, put_graph
from lic.integer_networks import Graph, MixtureArrays
from lic.integer_networks.graph import Result
from lic.integer_networks.layers import Mixture

_CPU, _CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
PROVIDERS = {
    "onnx": (_CPU,),
    "onnx-cuda": (_CUDA, _CPU),
    "onnx-tensorrt": ("TensorrtExecutionProvider", _CUDA, _CPU),
}
"""ONNX Runtime's execution providers by lic's names of devices, the first choice first."""
EXACT_DEVICES = ("onnx", "onnx-cuda")
"""Those that compute doubles; TensorRT takes floats in place of them."""


def open_session(model: bytes, device: str) -> onnxruntime.InferenceSession:
    """A model that is ready to run on a device of `PROVIDERS`; LIC_THREADS limits its threads.

    Raises MissingDeviceError if the device cannot be used here.
    """
    providers = PROVIDERS.get(device, (device,))
    available = onnxruntime.get_available_providers()
    if providers[0] in available:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(os.environ.get("LIC_THREADS") or 0)
        options.log_severity_level = 3  # not warnings: where a provider falls back is checked here
        session = onnxruntime.InferenceSession(
            model, options, [provider for provider in providers if provider in available]
        )
        # A provider whose libraries are missing is left out without an error.
        if session.get_providers()[0] == providers[0]:
            return session
    raise MissingDeviceError(
        f"ONNX Runtime cannot use the device {device!r} here; it has {', '.join(available)}"
    )


def graphs_on(device: str) -> Callable[[Graph], BatchedGraph]:
    """What makes graphs that run on a device of `EXACT_DEVICES`; raises MissingDeviceError."""
    if device not in EXACT_DEVICES:
        raise MissingDeviceError(
            f"networks of integers run on {' or '.join(EXACT_DEVICES)}, not on {device!r}"
        )
    batcher = Batcher([nullcontext])
    return lambda graph: BatchedGraph(graph, OnnxGraph(graph, device), batcher)


class OnnxGraph:
    """A graph as a model that is ready to run."""

    def __init__(self, graph: Graph, device: str = "onnx") -> None:
        """Make the model and open it; raises MissingDeviceError."""
        self._graph = graph
        model = OnnxModel()
        inputs = [
            model.input(f"input{place}", np.int16, ("batch", None, None, layer.channels))
            for place, layer in enumerate(graph.inputs)
        ]
        model.quality()
        results = put_graph(model, graph, [model.cast(name, np.float64) for name in inputs])
        for number, (place, result) in enumerate(zip(graph.outputs, results, strict=True)):
            layer, value = graph.layers[place], graph.values[place]
            if isinstance(layer, Mixture):
                output_mixture(model, result, layer, str(number))
            else:
                dtype = np.int16 if value.narrow else np.int32
                shape = ("batch", None, None, value.channels)
                model.output(f"output{number}", result, dtype, shape)
        self._session = open_session(model.to_proto("graph", {}).SerializeToString(), device)

    def run(self, inputs: tuple[NDArray[np.int16], ...], quality: int) -> tuple[Result, ...]:
        """As `lic.integer_networks.reference.run`."""
        self._graph.check_inputs(inputs)
        given = {f"input{place}": array for place, array in enumerate(inputs)}
        given[QUALITY] = np.array([quality], np.int64)
        arrays = iter(self._session.run(None, given))
        return tuple(
            MixtureArrays(*islice(arrays, len(MIXTURE)))
            if isinstance(self._graph.layers[place], Mixture)
            else next(arrays)
            for place in self._graph.outputs
        )
