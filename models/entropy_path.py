"""The entropy path: all that decides probabilities, as a loop of steps that every family shares.

Latents are quantized step by step: the parameters of a step's latents come from the side
information and from the latents of the steps before. Training, coding and annealing run this one
loop, `EntropyPath.forward`; they differ in what they do with a step's mixture, which is their
`Quantiser`. A family is what a step sees, and which latents it takes: `mixture`, `gather` and
`scatter`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from lic.models.layers import QualityGain
from lic.models.mixture import Mixture

Quantiser = Callable[[int, Mixture], Tensor]
"""A step and its mixture to the step's latents as the decoder has them, in quantization steps."""


class EntropyPath(nn.Module, ABC):
    """Base of the families' entropy paths.

    Shapes: z (B, Z, h/4, w/4), latents (B, M, h, w), a step's latents (B, m, h', w') with
    ``step_count * m * h' * w' = M * h * w``.
    """

    step_count: int
    """How many steps take all latents."""
    latent_gain: QualityGain
    """Latents in their own units, times this, are in quantization steps."""

    @abstractmethod
    def features(self, z: Tensor, quality: Tensor) -> Any:
        """What all steps see of decoded z at qualities (B,); the family knows its type."""

    @abstractmethod
    def mixture(self, step: int, features: Any, decoded: Tensor, log_gain: Tensor) -> Mixture:
        """The mixture of a step's latents.

        ``decoded`` (B, M, h, w) is in the latents' own units, zero where not yet decoded. Steps
        must be asked for in order: ``features`` may hold what an earlier one computed.
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
