"""What runs a network for the codec: one protocol, and what implements it.

========================  ==================================================================
`Executor`                the protocol: NumPy arrays in and out, a batch at a time, no bytes
`integers`                a network of integers, by any means of running its graphs
`torch_model`             such graphs as torch modules
`torch_graph`             runs these on a GPU or a CPU
`relaxed`                 such graphs without rounding, which have gradients
`batching`                calls of several threads as one batch
`onnx_model`              such graphs as ONNX models
`onnx_graph`              runs these in ONNX Runtime
`torch`                   a network of floats (the research family) in torch
========================  ==================================================================

`open_executor` chooses for a network of integers. The modules that need torch or ONNX are imported
on demand.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from lic.codec.errors import extra
from lic.codec.pixels import Pixels
from lic.entropy_coding import FactorizedTables, MixtureParameters

if TYPE_CHECKING:
    from lic.codec.executors.integers import IntegerExecutor
    from lic.integer_networks.codec_network import CodecNetwork

Integers = NDArray[np.int32]
Latents = NDArray[Any]
"""(B, h, w, M), int16 or float32, in units of the network's own: only its executor knows them."""


class StepParameters(NamedTuple):
    """What is known of the n latents of a step before they are decoded, for B pictures."""

    centres: Integers
    """(B, n), in 1/64 of a quantization step."""
    mixtures: tuple[MixtureParameters, ...]
    """Of the B pictures' symbols."""
    selected: NDArray[np.bool_] | None
    """Which latents the network selects to be coded, (B, n); None stands for all of them."""


Quantise = Callable[[int, StepParameters], Integers]
"""(step, parameters) to the step's decoded latents (B, n), in 1/64 of a quantization step."""


class Executor(Protocol):
    """A network that is ready to code. Qualities are integers from 0 to 10000.

    Sides H and W are multiples of 16 and hold latents of h = H / 16, w = W / 16; where side
    information is made, h and w are multiples of 4.
    """

    @property
    def latents(self) -> int:
        """The number of channels M."""
        ...

    @property
    def latent_type(self) -> type[np.generic]:
        """The type of latents: int16 or float32."""
        ...

    @property
    def exact(self) -> bool:
        """Whether all machines show the same pixels, so that they can be corrected."""
        ...

    @property
    def halo(self) -> int:
        """How many latents beyond a region of the picture influence its transforms."""
        ...

    def analyse(self, pixels: Pixels, quality: int) -> Latents:
        """Latents of pictures (B, H, W, 3)."""
        ...

    def targets(self, latents: Latents, quality: int) -> NDArray[np.int64]:
        """What the symbols should say: latents (B, h, w, M) in 1/64 of a quantization step."""
        ...

    def gather(self, targets: NDArray[np.int64], step: int) -> NDArray[np.int64]:
        """The latents of one step (B, n), in the order of `StepParameters`."""
        ...

    def side_information(self, latents: Latents, quality: int) -> Integers:
        """Symbols (B, h/4, w/4, Z) of the side information of latents."""
        ...

    def side_tables(self, quality: int) -> FactorizedTables:
        """The distributions of the Z channels of the side information."""
        ...

    def entropy_path(self, side: Integers, quality: int, quantise: Quantise) -> Latents:
        """All steps, for symbols (B, h/4, w/4, Z) of the side information.

        ``quantise`` turns the parameters of each step into its latents. The result is what the
        synthesis takes.
        """
        ...

    def synthesise(self, latents: Latents, quality: int) -> Pixels:
        """Pictures (B, H, W, 3) of decoded latents."""
        ...


def open_executor(network: CodecNetwork, device: str = "cpu") -> IntegerExecutor:
    """An executor of a network of integers; all give the same integers.

    ``device`` is "cpu" for C++, "reference" for the definition in NumPy, "torch" for torch on the
    CPU, "onnx" or "onnx-cuda" for ONNX Runtime on the CPU or with CUDA, and else the name of a
    device of torch's, such as "cuda". With "-half" behind it, or behind "torch", the analysis is in
    half precision: it gives other files, which decode as all do.

    Raises
    ------
    MissingPackageError
        If torch or ONNX is asked for and not installed.
    MissingDeviceError
        If torch or ONNX Runtime cannot use the device.
    """
    from lic.codec.executors.integers import IntegerExecutor, NumpyGraph

    if device == "cpu":
        from lic.integer_networks.native import NativeGraph

        return IntegerExecutor(network, NativeGraph)
    if device == "reference":
        return IntegerExecutor(network, NumpyGraph)
    if device.split("-")[0] == "onnx":
        with extra("onnx", "onnx"), extra("onnxruntime", "onnx"):
            from lic.codec.executors.onnx_graph import graphs_on as onnx_graphs_on

        return IntegerExecutor(network, onnx_graphs_on(device))
    with extra("torch", "torch"):
        from lic.codec.executors.torch_graph import graphs_on
        from lic.codec.executors.torch_model import half_product

    name = device.removesuffix("-half")
    runner = graphs_on("cpu" if name == "torch" else name)
    half = partial(runner, product=half_product) if name != device else None
    return IntegerExecutor(network, runner, half)
