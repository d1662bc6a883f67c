"""The entropy path: the part of a network that decides probabilities, as a loop of steps.

Latents are quantized step by step: the parameters of a step's latents come from the side
information and from the latents of the steps before. Training, coding and annealing run this one
loop, `EntropyPath.forward`; each of them has its own `Quantiser`, which turns a step's mixture into
latents. A family defines the latents of each step (`gather`, `scatter`) and their mixture
(`mixture`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from lic.models.layers import QualityGain
from lic.models.mixture import Mixture

Quantiser = Callable[[int, Mixture], Tensor]
"""(step, mixture) to the step's decoded latents, in quantization steps."""


class EntropyPath(nn.Module, ABC):
    """Base of the families' entropy paths.

    Shapes: z (B, Z, h/4, w/4), latents (B, M, h, w), a step's latents (B, m, h', w') with
    ``step_count * m * h' * w' = M * h * w``.
    """

    step_count: int
    """The number of steps."""
    latent_gain: QualityGain
    """Factors from the latents' own units to quantization steps."""

    @abstractmethod
    def features(self, z: Tensor, quality: Tensor) -> Any:
        """Features of decoded z at qualities (B,), for all steps; their type is the family's."""

    @abstractmethod
    def mixture(self, step: int, features: Any, decoded: Tensor, log_gain: Tensor) -> Mixture:
        """The mixture of a step's latents.

        ``decoded`` (B, M, h, w) is in the latents' own units, zero where not yet decoded. The
        steps must be computed in order: ``features`` may keep results of earlier ones.
        """

    @abstractmethod
    def gather(self, y: Tensor, step: int) -> Tensor:
        """The latents of one step: (B, M, h, w) to (B, m, h', w')."""

    @abstractmethod
    def scatter(self, values: Tensor, step: int) -> Tensor:
        """The inverse of `gather`: (B, m, h', w') to (B, M, h, w), zero elsewhere."""

    def refinement(self, step: int, features: Any, decoded: Tensor) -> Tensor | None:
        """What to add to the latents of the step just decoded, (B, m, h', w').

        In quantization steps; None, the default, for nothing. Later steps and the synthesis see
        the refined latents.
        """
        return None

    def correction(self, features: Any) -> Tensor | None:
        """What to add to all latents after the last step, (B, M, h, w), in their own units.

        None, the default, for nothing. Only the synthesis sees it.
        """
        return None

    def forward(self, z: Tensor, quality: Tensor, quantise: Quantiser) -> Tensor:
        """All steps: decoded latents (B, M, h, w), in their own units, for decoded z."""
        features = self.features(z, quality)
        log_gain = self.latent_gain.log(quality)
        gain = log_gain.exp()
        batch, _, height, width = z.shape
        decoded = log_gain.new_zeros(batch, gain.shape[1], 4 * height, 4 * width)
        for step in range(self.step_count):
            values = quantise(step, self.mixture(step, features, decoded, log_gain))
            decoded = decoded + self.scatter(values, step) / gain
            refinement = self.refinement(step, features, decoded)
            if refinement is not None:
                decoded = decoded + self.scatter(refinement, step) / gain
        correction = self.correction(features)
        return decoded if correction is None else decoded + correction
