"""A codec as programs of torch.export, of the same integers.

A program is a graph of torch's operators with its constants, which needs torch, but not lic, to
run or to be compiled for a device. Sizes and quality are free, as in the ONNX models.
"""

from __future__ import annotations

import inspect
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram
from torch.export.passes import move_to_device_pass

from lic.codec.errors import MissingDeviceError, MissingPackageError
from lic.codec.executors.torch_model import (
    TorchModel,
    at_quality,
    exp2,
    gained,
    saturate,
    shuffle,
    unshuffle,
)
from lic.export.parts import QUALITY, Signature, Target, places, signatures
from lic.integer_networks import Graph
from lic.integer_networks.codec_network import SIDE_LIMIT, SIDE_SCALE, CodecNetwork
from lic.integer_networks.fixed_point import QUALITY_STEPS
from lic.integer_networks.limits import within_calibration

# Of the arrays that programs are traced with, in the units of a part. No two are the same, or they
# would be taken for one.
_BATCH, _ROWS, _COLUMNS = 2, 3, 5
_ABOUT = "lic.json"


class _Part(nn.Module):
    """A graph between the tensors of a part's signature."""

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self._model = TorchModel(graph)

    def run_graph(self, quality: Tensor, *inputs: Tensor) -> tuple[Any, ...]:
        """The graph's outputs; inputs are int16."""
        return self._model(self._model.scales(quality), *inputs)  # type: ignore[no-any-return]


class _Analysis(_Part):
    def forward(self, quality: Tensor, pixels: Tensor) -> tuple[Tensor, ...]:
        return self.run_graph(quality, 2 * pixels.short() - 255)


class _HyperAnalysis(_Part):
    def forward(self, quality: Tensor, latents: Tensor) -> tuple[Tensor, ...]:
        return (self.run_graph(quality, latents)[0].int(),)


class _HyperSynthesis(_Part):
    def forward(self, quality: Tensor, side: Tensor) -> tuple[Tensor, ...]:
        shown = SIDE_SCALE * side.clamp(-SIDE_LIMIT, SIDE_LIMIT)
        return self.run_graph(quality, shown.short())


class _Step(_Part):
    def __init__(self, graph: Graph) -> None:
        super().__init__(graph)
        self._inputs = len(graph.inputs)

    def forward(self, quality: Tensor, features: Tensor, decoded: Tensor) -> tuple[Tensor, ...]:
        (mixture,) = self.run_graph(quality, *(features, decoded)[: self._inputs])
        return tuple(mixture)


class _Synthesis(_Part):
    def forward(self, quality: Tensor, latents: Tensor) -> tuple[Tensor, ...]:
        return (self.run_graph(quality, latents)[0].to(torch.uint8),)


class _Corrector(nn.Module):
    def __init__(self, graph: Graph | None) -> None:
        super().__init__()
        self._part = None if graph is None else _Part(graph)

    def forward(self, quality: Tensor, features: Tensor, decoded: Tensor) -> tuple[Tensor, ...]:
        latents = decoded.long()
        if self._part is not None:
            latents = saturate(latents + self._part.run_graph(quality, features)[0])
        return (latents.short(),)


class _Tables(nn.Module):
    """What has no graph, but tables (levels, ...) of a network."""

    def __init__(self, table: NDArray[np.int32]) -> None:
        super().__init__()
        self.register_buffer("table", torch.from_numpy(np.ascontiguousarray(table)))
        self.table: Tensor

    def gained(self, values: Tensor, quality: Tensor) -> Tensor:
        """Values times gains of which the table has logarithms."""
        return gained(values.long(), exp2(at_quality(self.table, quality)))


class _Targets(_Tables):
    def forward(self, quality: Tensor, latents: Tensor) -> tuple[Tensor, ...]:
        return (self.gained(latents, quality),)


class _SideTables(_Tables):
    def forward(self, quality: Tensor) -> tuple[Tensor, ...]:
        last = len(self.table) - 1
        level = (2 * quality * last + QUALITY_STEPS) // (2 * QUALITY_STEPS)
        return (self.table[level][0],)


class _Place(_Tables):
    """Decoded latents of a step go to their places among those decoded before."""

    def __init__(self, table: NDArray[np.int32]) -> None:
        super().__init__(table)
        self.register_buffer("places", torch.from_numpy(places(table.shape[1])))
        self.places: Tensor

    def forward(
        self, quality: Tensor, decoded: Tensor, values: Tensor, step: Tensor
    ) -> tuple[Tensor, ...]:
        cells = saturate(self.gained(values, quality)).repeat(1, 1, 1, 4)
        placed = torch.where(self.places[step], cells, unshuffle(decoded.long(), 2))
        return (shuffle(placed, 2).short(),)


def exact_parts(network: CodecNetwork) -> dict[str, nn.Module]:
    """Modules by the names of `lic.export.parts.signatures`, with its inputs and outputs."""
    return {
        "analysis": _Analysis(within_calibration(network.analysis)),
        "targets": _Targets(network.to_steps),
        "hyper_analysis": _HyperAnalysis(network.hyper_analysis),
        "side_tables": _SideTables(network.side_counts),
        "hyper_synthesis": _HyperSynthesis(network.hyper_synthesis),
        "place": _Place(network.from_steps),
        "corrector": _Corrector(network.corrector),
        "synthesis": _Synthesis(network.synthesis),
        **{f"step{number}": _Step(step) for number, step in enumerate(network.steps)},
    }


def _program(part: nn.Module, signature: Signature, unit: int) -> ExportedProgram:
    """A part as a program; the sides of its planes are multiples of a unit."""
    traced = {"batch": _BATCH}
    dims: dict[str, Any] = {"batch": Dim("batch", min=1)}
    for side, count in (("height", _ROWS), ("width", _COLUMNS)):
        dim = Dim(side, min=1)
        for axis in (side, f"latent_{side}", f"side_{side}"):
            traced[axis], dims[axis] = unit * count, dim if unit == 1 else unit * dim
        traced[f"step_{side}"], dims[f"step_{side}"] = count, dim
    example = {QUALITY: torch.tensor([QUALITY_STEPS // 2])}
    free: dict[str, Any] = {QUALITY: {}}
    for name, array in signature.inputs.items():
        shape = [traced[axis] if isinstance(axis, str) else axis for axis in array.shape]
        example[name] = torch.from_numpy(np.zeros(shape, array.type))
        free[name] = {n: dims[a] for n, a in enumerate(array.shape) if isinstance(a, str)}
    return torch.export.export(part.eval(), (), example, dynamic_shapes=free)


def _units(network: CodecNetwork) -> dict[str, int]:
    """What the sides of parts' planes are multiples of, if not 1."""
    units = {f"step{number}": step.unit for number, step in enumerate(network.steps)}
    return units | {
        "analysis": network.analysis.unit,
        "hyper_analysis": network.hyper_analysis.unit,
        "place": 2,
    }


def _files(
    network: CodecNetwork, weights_id: str, metadata: dict[str, str]
) -> Iterator[tuple[str, str, bytes]]:
    if "check_guards" not in inspect.signature(ExportedProgram.module).parameters:
        raise MissingPackageError(
            "programs of torch.export need a newer torch: pip install -U torch"
        )
    parts, units = exact_parts(network), _units(network)
    for name, signature in signatures(network).items():
        about = metadata | {"lic.form": "exact", "lic.part": name}
        file = io.BytesIO()
        program = _program(parts[name], signature, units.get(name, 1))
        torch.export.save(program, file, extra_files={_ABOUT: json.dumps(about)})
        yield "exact", name, file.getvalue()


TORCH = Target("pt2", {"torch": torch.__version__}, _files)


def open_program(
    path: Path, device: str = "cpu"
) -> Callable[[dict[str, NDArray[Any]]], list[NDArray[Any]]]:
    """A program that is ready to run: arrays by name to arrays.

    Raises MissingDeviceError if the device cannot be used here.
    """
    program = torch.export.load(path)
    # Guards would refuse a side of one unit, because of strides on which no result depends.
    try:
        module = move_to_device_pass(program, device).module(check_guards=False)
    except (RuntimeError, AssertionError) as error:
        raise MissingDeviceError(f"torch cannot use the device {device!r} here") from error

    @torch.inference_mode()
    def run(inputs: dict[str, NDArray[Any]]) -> list[NDArray[Any]]:
        tensors = {name: torch.from_numpy(array).to(device) for name, array in inputs.items()}
        return [output.cpu().numpy() for output in module(**tensors)]

    return run
