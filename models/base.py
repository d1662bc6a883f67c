"""What every codec model has in common: the contract with training, coding and the registry.

    x -> analysis -> y -> hyper analysis -> z
                     z -> entropy path: mixtures and latents, step by step
    latents -> synthesis -> x_hat

One network serves all rates: `quality` in [0, 1] selects the gains between trained levels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, TypedDict

import torch
from torch import Tensor, nn

from lic.models.entropy_path import EntropyPath
from lic.models.factorized import FactorizedDensity
from lic.models.growth import Growth, GrowthError, copy_grown
from lic.models.layers import round_ste
from lic.models.mixture import Mixture
from lic.models.stage import Stage


class Likelihoods(TypedDict):
    """Probabilities of the latents and of the side information, any shape (B, ...)."""

    y: Tensor
    z: Tensor


class ModelOutput(TypedDict):
    """What a forward pass gives: the picture (B, 3, H, W), not clamped, and the likelihoods."""

    x_hat: Tensor
    likelihoods: Likelihoods


def decoder_parameters(model: CodecModel) -> list[nn.Parameter]:
    """The parameters that a decoder needs, but for the side information's distribution."""
    return [*model.entropy.parameters(), *model.synthesis.parameters()]


HARD = Stage("hard", decoder_parameters, learning_rate=0.2, from_average=True, rounded=True)
"""The hard stage: the analysis stays, and the decoder learns from latents as files have them.

After arXiv 2506.08662. Its share of the budget is 0 unless something else is set: here, pictures
come from rounded latents in all of the training, and it gained nothing (`training/EXPERIMENTS.md`).
"""


class CodecModel(nn.Module):
    """Base of all codec models: a family makes the parts, and the pass through them is here."""

    config_class: ClassVar[type]
    """A frozen dataclass; its values, as JSON, define the network."""
    stages: ClassVar[tuple[Stage, ...]] = (Stage("network", nn.Module.parameters), HARD)
    """The stages of a training, in order."""
    side_stride: ClassVar[int] = 64
    """Pixels from one place of the side information to the next; a picture's sides are multiples
    of it."""
    latent_stride: ClassVar[int] = 16
    """Pixels from one latent to the next."""
    halo: int
    """The number of latents around a region that the transforms of the region depend on."""
    config: Any
    """An instance of ``config_class``; it has the number of channels ``latents``, the number of
    quality ``levels``, and ``lambda_min`` and ``lambda_max``."""
    analysis: nn.Module
    """(x, quality) to latents (B, M, h, w), in their own units."""
    synthesis: nn.Module
    """(latents, quality) to pictures."""
    hyper_analysis: nn.Module
    """(latents, quality) to real-valued side information z (B, Z, h/4, w/4)."""
    entropy: EntropyPath
    """Decides the probabilities; `lic.codec.executors.torch` runs a copy of it in float64."""
    side: FactorizedDensity
    """The distribution of z."""

    @classmethod
    def read_config(cls, values: Mapping[str, Any]) -> Any:
        """The configuration of values by name, as weights files have them.

        Raises TypeError or ValueError for values that make no network.
        """
        return cls.config_class(**values)

    def lambda_at(self, quality: Tensor) -> Tensor:
        """The rate-distortion trade-offs of qualities (B,) in [0, 1]: log-linear.

        In bits for a squared 8-bit error.
        """
        low, high = self.config.lambda_min, self.config.lambda_max
        trade_off: Tensor = low * (high / low) ** quality
        return trade_off

    @torch.no_grad()
    def start_gains(self) -> None:
        """Set the latents' gains to quantization steps that suit each level's lambda.

        It is the step that balances rate and distortion for a coefficient well above the noise
        (d/dstep of -log2 step + lambda 255^2 step^2 / 36 is zero).
        """
        levels = torch.linspace(0, 1, self.config.levels)
        steps = (18 / (0.6931 * 65025 * self.lambda_at(levels))).sqrt()
        self.entropy.latent_gain.log_gain.copy_(-steps.log()[:, None])

    def initialise(self, crops: Tensor) -> None:
        """Start from statistics of training crops (N, 3, H, W), uint8; by default, do nothing."""

    def take_over(self, source: CodecModel) -> Growth:
        """Take over a trained network that is at most as large, and compute what it computes.

        By default, only a network of the same configuration can be taken over.

        Raises
        ------
        GrowthError
            If ``source`` computes something that this network cannot.
        """
        if source.config != self.config:
            raise GrowthError("networks of this family cannot be grown")
        return copy_grown(self, source)

    def forward(self, x: Tensor, quality: Tensor) -> ModelOutput:
        """Differentiable pass for training.

        Parameters
        ----------
        x
            Pictures (B, 3, H, W) in 0..1; H and W multiples of ``side_stride``.
        quality
            (B,) in [0, 1].

        Returns
        -------
        ``x_hat`` (B, 3, H, W), not clamped, and ``likelihoods`` of ``y`` (all steps' latents, one
        step after the other along the channels) and ``z`` (B, Z, H/64, W/64). In training, rate
        comes from uniform noise, reconstruction from straight-through rounding.
        """
        y = self.analysis(x, quality)
        z = self.hyper_analysis(y, quality).float()
        noise = torch.rand_like(z) - 0.5
        z_likelihood = self.side.likelihood(z + noise if self.training else z.round(), quality)
        scaled = y.float() * self.entropy.latent_gain(quality)
        likelihoods = []

        def quantise(step: int, mixture: Mixture) -> Tensor:
            residual = self.entropy.gather(scaled, step) - mixture.centre
            symbols = mixture.select(round_ste(residual))
            noisy = residual + torch.rand_like(residual) - 0.5 if self.training else symbols
            likelihoods.append(mixture.likelihood(noisy))
            return symbols + mixture.centre

        decoded = self.entropy(round_ste(z), quality, quantise)
        return {
            "x_hat": self.synthesis(decoded, quality),
            "likelihoods": {"y": torch.cat(likelihoods, dim=1), "z": z_likelihood},
        }
