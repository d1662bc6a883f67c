"""An exported folder as an executor: it codes as the weights do, with nothing but models."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lic.codec.executors import Integers, Latents, Quantise
from lic.codec.executors.integers import side_tables, step_parameters
from lic.codec.pixels import Pixels
from lic.entropy_coding import FactorizedTables
from lic.export.parts import QUALITY
from lic.integer_networks import MixtureArrays
from lic.integer_networks.codec_network import STEPS, gather

MANIFEST = "manifest.json"
TRANSFORMS = ("analysis", "synthesis")
_Run = Callable[[dict[str, NDArray[Any]]], list[Any]]


class ExportedCodec:
    """A folder of `lic export` as an `lic.codec.executors.Executor`: latents are int16."""

    def __init__(self, folder: Path, device: str | None = None, form: str = "exact") -> None:
        """Open all models of a folder on a device; its target's CPU if none is given.

        Devices are those of `lic.codec.executors.onnx_graph.PROVIDERS`, or torch's. The transforms
        are those of a form: exact, float32 or int8. Exact models run with CUDA where the others run
        in TensorRT.

        Raises
        ------
        MissingDeviceError
            If the device cannot be used here.
        """
        self._manifest = json.loads((folder / MANIFEST).read_text())
        self._form = form
        self._models: dict[str, _Run] = {}
        for path in sorted(folder / file for file in self._manifest["files"]):
            if path.parent.name == (form if path.stem in TRANSFORMS else "exact"):
                self._models[path.stem] = _opened(path, device)

    def _run(self, name: str, quality: int, **inputs: NDArray[Any]) -> list[Any]:
        return self._models[name]({QUALITY: np.array([quality], np.int64), **inputs})

    @property
    def latents(self) -> int:
        """The number of channels M."""
        return int(self._manifest["latents"])

    @property
    def latent_type(self) -> type[np.generic]:
        """The type of latents."""
        return np.int16

    @property
    def exact(self) -> bool:
        """Whether all machines show the same pixels."""
        return self._form == "exact"

    @property
    def halo(self) -> int:
        """How many latents beyond a region of the picture influence its transforms."""
        return int(self._manifest["halo"])

    def analyse(self, pixels: Pixels, quality: int) -> Latents:
        """Latents of pictures (B, H, W, 3)."""
        latents: Latents = self._run("analysis", quality, pixels=pixels)[0]
        return latents

    def targets(self, latents: Latents, quality: int) -> NDArray[np.int64]:
        """What the symbols should say: latents (B, h, w, M) in 1/64 of a quantization step."""
        targets: NDArray[np.int64] = self._run("targets", quality, latents=latents)[0]
        return targets

    def gather(self, targets: NDArray[np.int64], step: int) -> NDArray[np.int64]:
        """The latents of one step (B, n), in order (row, column, channel)."""
        return gather(targets, step).reshape(targets.shape[0], -1)

    def side_information(self, latents: Latents, quality: int) -> Integers:
        """Symbols (B, h/4, w/4, Z) of the side information of latents."""
        side: Integers = self._run("hyper_analysis", quality, latents=latents)[0]
        return side

    def side_tables(self, quality: int) -> FactorizedTables:
        """The distributions of the Z channels of the side information."""
        return side_tables(self._run("side_tables", quality)[0])

    def entropy_path(self, side: Integers, quality: int, quantise: Quantise) -> Latents:
        """All steps, for symbols (B, h/4, w/4, Z) of the side information."""
        (features,) = self._run("hyper_synthesis", quality, side=side)
        decoded = np.zeros((*features.shape[:3], self.latents), np.int16)
        for step in range(STEPS):
            inputs = {"features": features, "decoded": decoded}
            arrays = MixtureArrays(*self._run(f"step{step}", quality, **inputs))
            values = quantise(step, step_parameters(arrays)).reshape(arrays.centres.shape)
            inputs = {"decoded": decoded, "values": values, "step": np.array([step], np.int64)}
            (decoded,) = self._run("place", quality, **inputs)
        latents: Latents = self._run("corrector", quality, features=features, decoded=decoded)[0]
        return latents

    def synthesise(self, latents: Latents, quality: int) -> Pixels:
        """Pictures (B, H, W, 3) of decoded latents."""
        pixels: Pixels = self._run("synthesis", quality, latents=latents)[0]
        return pixels


def _opened(path: Path, device: str | None) -> _Run:
    """A model that is ready to run; raises MissingDeviceError."""
    if path.suffix == ".pt2":
        from lic.export.torch_target import open_program

        return open_program(path, device or "cpu")
    from lic.codec.executors.onnx_graph import open_session

    if device == "onnx-tensorrt" and path.parent.name == "exact":
        device = "onnx-cuda"
    session = open_session(path.read_bytes(), device or "onnx")
    return lambda inputs: list(session.run(None, inputs))
