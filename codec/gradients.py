"""What annealing knows of a network at one quality: rate and distortion, with their gradients.

`FloatGradients` is a network of floats itself, `IntegerGradients` a network of integers without its
rounding. `gradients_of` chooses.
"""

from __future__ import annotations

from functools import partial
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from lic.codec.container import QUALITY_STEPS
from lic.codec.executors import Executor
from lic.codec.executors.integers import IntegerExecutor
from lic.codec.executors.relaxed import RelaxedGraph, gained, saturated
from lic.codec.executors.torch import FloatExecutor
from lic.codec.layering import bit_worth
from lic.entropy_coding import MEAN_UNIT
from lic.integer_networks.codec_network import (
    SIDE_LIMIT,
    SIDE_SCALE,
    SIDE_TOTAL,
)
from lic.integer_networks.fixed_point import at_quality, exp2
from lic.models.deployable.context import gather_step, scatter_step
from lic.models.entropy_path import Quantiser


class Gradients(Protocol):
    """A network at one quality.

    Latents (1, M, h, w) are in quantization steps, and decoded ones in the network's own units.
    """

    @property
    def trade_off(self) -> float:
        """Lambda: bits for a squared 8-bit error, averaged over colours and summed over pixels."""
        ...

    def side(self, latents: Tensor) -> Tensor:
        """The side information (1, Z, h/4, w/4) of latents in the network's units, not rounded."""
        ...

    def side_bits(self, side: Tensor) -> Tensor:
        """Bits of all symbols of side information, which need not be whole."""
        ...

    def path(self, side: Tensor, quantise: Quantiser) -> Tensor:
        """Decoded latents, by all steps of the entropy path."""
        ...

    def gather(self, latents: Tensor, step: int) -> Tensor:
        """The latents of one step, as ``quantise`` is to give them."""
        ...

    def synthesis(self, latents: Tensor) -> Tensor:
        """The picture (1, 3, H, W) of decoded latents, 0..255 but not rounded."""
        ...


def gradients_of(executor: Executor, quality: int) -> Gradients:
    """What annealing needs of the network that an executor runs, at a quality from 0 to 10000."""
    if isinstance(executor, FloatExecutor):
        return FloatGradients(executor, quality)
    assert isinstance(executor, IntegerExecutor)
    return IntegerGradients(executor, quality)


class FloatGradients:
    """`Gradients` of a network of floats."""

    def __init__(self, executor: FloatExecutor, quality: int) -> None:
        self._model = executor.model
        self._quality = torch.tensor([quality / QUALITY_STEPS], dtype=torch.float32)

    @property
    def trade_off(self) -> float:
        """Lambda by the network's configuration."""
        return float(self._model.lambda_at(self._quality))

    @torch.no_grad()
    def side(self, latents: Tensor) -> Tensor:
        """The model's own."""
        z: Tensor = self._model.hyper_analysis(latents, self._quality)
        return z

    def side_bits(self, side: Tensor) -> Tensor:
        """By the learned densities."""
        return -self._model.side.likelihood(side, self._quality).log2().sum()

    def path(self, side: Tensor, quantise: Quantiser) -> Tensor:
        """The model's own."""
        latents: Tensor = self._model.entropy(side, self._quality, quantise)
        return latents

    def gather(self, latents: Tensor, step: int) -> Tensor:
        """The model's own."""
        return self._model.entropy.gather(latents, step)

    def synthesis(self, latents: Tensor) -> Tensor:
        """The model's own."""
        picture: Tensor = self._model.synthesis(latents, self._quality)
        return 255 * picture.clamp(0, 1)


class IntegerGradients:
    """`Gradients` of a network of integers: all its graphs without rounding."""

    def __init__(self, executor: IntegerExecutor, quality: int) -> None:
        network = executor.network
        relaxed = partial(RelaxedGraph, quality=quality)
        self._network, self._quality = network, quality
        self._hyper_analysis = relaxed(network.hyper_analysis)
        self._hyper_synthesis = relaxed(network.hyper_synthesis)
        self._steps = [relaxed(step) for step in network.steps]
        self._corrector = None if network.corrector is None else relaxed(network.corrector)
        self._synthesis = relaxed(network.synthesis)
        self._from_steps = exp2(at_quality(network.from_steps, quality))
        counts = network.side_counts[network.side_level(quality)]
        bits = np.log2(SIDE_TOTAL / np.diff(counts))
        self._side_bits = torch.from_numpy(bits.astype(np.float32))  # (Z, 2 R + 1)

    @property
    def trade_off(self) -> float:
        """Lambda as all networks of integers are trained with it."""
        return 3 / bit_worth(self._quality)

    @torch.no_grad()
    def side(self, latents: Tensor) -> Tensor:
        """By the graph of the hyper analysis."""
        z: Tensor = self._hyper_analysis(latents)
        return z

    def side_bits(self, side: Tensor) -> Tensor:
        """Bits by the tables, linear between whole symbols; those beyond count as the last."""
        reach = self._side_bits.shape[1] // 2
        place = (side[0].flatten(1) + reach).clamp(0, 2 * reach)
        below = place.detach().floor().clamp(max=2 * reach - 1)
        low, high = (self._side_bits.gather(1, below.long() + i) for i in (0, 1))
        return (low + (high - low) * (place - below)).sum()

    def path(self, side: Tensor, quantise: Quantiser) -> Tensor:
        """As `IntegerExecutor.entropy_path`."""
        features = self._hyper_synthesis(side.clamp(-SIDE_LIMIT, SIDE_LIMIT) * SIDE_SCALE)
        batch, _, height, width = features.shape
        decoded = features.new_zeros(batch, self._network.latents, height, width)
        for step, graph in enumerate(self._steps):
            inputs = (features, decoded)[: len(self._network.steps[step].inputs)]
            values = scatter_step(quantise(step, graph(*inputs)) / MEAN_UNIT, step)
            decoded = decoded + saturated(gained(values, self._from_steps))
        return (
            decoded if self._corrector is None else saturated(decoded + self._corrector(features))
        )

    def gather(self, latents: Tensor, step: int) -> Tensor:
        """The default family's order of latents."""
        return gather_step(latents, step)

    def synthesis(self, latents: Tensor) -> Tensor:
        """The graph's picture."""
        picture: Tensor = self._synthesis(latents)
        return picture
