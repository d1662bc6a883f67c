"""The executor of networks of integers, by any means of running their graphs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lic.codec.executors import Integers, Latents, Quantise, StepParameters
from lic.codec.pixels import Pixels
from lic.entropy_coding import FactorizedTables, MixtureParameters
from lic.integer_networks import Graph, MixtureArrays, reference
from lic.integer_networks.codec_network import CodecNetwork, gather, scatter
from lic.integer_networks.fixed_point import saturate
from lic.integer_networks.graph import Result
from lic.integer_networks.limits import within_calibration

Activations = NDArray[np.int16]


class GraphRunner(Protocol):
    """A graph that is ready to run."""

    def run(self, inputs: tuple[Activations, ...], quality: int) -> tuple[Result, ...]:
        """As `lic.integer_networks.reference.run`."""
        ...


class NumpyGraph:
    """A graph that the reference runs."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def run(self, inputs: tuple[Activations, ...], quality: int) -> tuple[Result, ...]:
        """As `lic.integer_networks.reference.run`."""
        return reference.run(self._graph, inputs, quality)


class IntegerExecutor:
    """A network of integers as an `lic.codec.executors.Executor`: latents are int16.

    ``analysis_runner``, if one is given, runs what `analyse` does. It may be inexact: the latents
    that an encoder chooses are its own affair, and nothing else depends on them.
    """

    def __init__(
        self,
        network: CodecNetwork,
        runner: Callable[[Graph], GraphRunner],
        analysis_runner: Callable[[Graph], GraphRunner] | None = None,
    ) -> None:
        self.network = network
        self._analysis = runner(network.analysis)
        self._limited_analysis = (analysis_runner or runner)(within_calibration(network.analysis))
        self._hyper_analysis = runner(network.hyper_analysis)
        self._hyper_synthesis = runner(network.hyper_synthesis)
        self._steps = [runner(step) for step in network.steps]
        self._corrector = None if network.corrector is None else runner(network.corrector)
        self._synthesis = runner(network.synthesis)

    @property
    def latents(self) -> int:
        """The number of channels M."""
        return self.network.latents

    @property
    def latent_type(self) -> type[np.generic]:
        """The type of latents."""
        return np.int16

    @property
    def exact(self) -> bool:
        """Whether all machines show the same pixels."""
        return True

    @property
    def halo(self) -> int:
        """How many latents beyond a region of the picture influence its transforms."""
        return self.network.halo

    def analyse(self, pixels: Pixels, quality: int) -> Latents:
        """Latents of pictures (B, H, W, 3), by an analysis that is kept `within_calibration`."""
        return self._plane(self._limited_analysis, (_centred(pixels),), quality)

    def analyse_without_limits(self, pixels: Pixels, quality: int) -> Latents:
        """Latents of pictures (B, H, W, 3), by the analysis as the weights have it."""
        return self._plane(self._analysis, (_centred(pixels),), quality)

    def targets(self, latents: Latents, quality: int) -> NDArray[np.int64]:
        """What the symbols should say: latents (B, h, w, M) in 1/64 of a quantization step."""
        return self.network.targets(latents, quality)

    def gather(self, targets: NDArray[np.int64], step: int) -> NDArray[np.int64]:
        """The latents of one step (B, n), in order (row, column, channel)."""
        return gather(targets, step).reshape(targets.shape[0], -1)

    def side_information(self, latents: Latents, quality: int) -> Integers:
        """Symbols (B, h/4, w/4, Z) of the side information of latents."""
        return self._plane(self._hyper_analysis, (latents,), quality).astype(np.int32)

    def side_tables(self, quality: int) -> FactorizedTables:
        """The distributions of the Z channels of the side information."""
        return side_tables(self.network.side_counts[self.network.side_level(quality)])

    def entropy_path(self, side: Integers, quality: int, quantise: Quantise) -> Latents:
        """All steps, for symbols (B, h/4, w/4, Z) of the side information."""
        shown = self.network.shown_side(side)
        features = self._plane(self._hyper_synthesis, (shown,), quality)
        batch, height, width, _ = features.shape
        decoded = np.zeros((batch, height, width, self.latents), np.int16)
        for step, runner in enumerate(self._steps):
            inputs = (features, decoded)[: len(self.network.steps[step].inputs)]
            (arrays,) = runner.run(inputs, quality)
            assert isinstance(arrays, MixtureArrays)
            values = quantise(step, step_parameters(arrays)).reshape(arrays.centres.shape)
            scatter(self.network.activations(values, quality), step, decoded)
        if self._corrector is None:
            return decoded
        addends = self._plane(self._corrector, (features,), quality)
        return saturate(decoded.astype(np.int64) + addends).astype(np.int16)

    def synthesise(self, latents: Latents, quality: int) -> Pixels:
        """Pictures (B, H, W, 3) of decoded latents."""
        return self._plane(self._synthesis, (latents,), quality).astype(np.uint8)

    @staticmethod
    def _plane(runner: GraphRunner, inputs: tuple[Any, ...], quality: int) -> Activations:
        (result,) = runner.run(inputs, quality)
        assert isinstance(result, np.ndarray)
        return result.astype(np.int16, copy=False)


def _centred(pixels: Pixels) -> Activations:
    """Pixels as an analysis takes them."""
    centred: Activations = 2 * pixels.astype(np.int16) - 255
    return centred


def side_tables(counts: NDArray[np.int32]) -> FactorizedTables:
    """The tables of cumulative counts (Z, 2 R + 2) of the symbols -R..R."""
    channels, width = counts.shape
    lengths = np.full(channels, width - 1, np.int32)
    return FactorizedTables(counts.astype(np.uint32), -(lengths // 2), lengths)


def step_parameters(arrays: MixtureArrays) -> StepParameters:
    """What a step's network gives, picture by picture and without the axes of the plane."""
    batch = arrays.centres.shape[0]
    flat = (a.reshape(*a.shape[:2], -1) for a in (arrays.logits, arrays.means, arrays.scales))
    mixtures = tuple(MixtureParameters(*parts) for parts in zip(*flat, strict=True))
    return StepParameters(arrays.centres.reshape(batch, -1), mixtures, None)
