"""What every codec model has in common: the contract with training, coding and the registry."""

from __future__ import annotations

from typing import Any, ClassVar, TypedDict

from torch import Tensor, nn

from lic.models.factorized import FactorizedDensity


class Likelihoods(TypedDict):
    """Probabilities of the latents and of the side information, any shape (B, ...)."""

    y: Tensor
    z: Tensor


class ModelOutput(TypedDict):
    """What a forward pass gives: the picture (B, 3, H, W), not clamped, and the likelihoods."""

    x_hat: Tensor
    likelihoods: Likelihoods


class CodecModel(nn.Module):
    """Base of all codec models.

    ``forward(x, quality)`` takes pictures (B, 3, H, W) in 0..1, H and W multiples of ``stride``,
    and qualities (B,) in [0, 1], and gives a `ModelOutput`.
    """

    config_class: ClassVar[type]
    """A frozen dataclass; its values, as JSON, define the network."""
    stride: ClassVar[int]
    """What the sides of a picture must be multiples of."""
    latent_stride: ClassVar[int]
    """Pixels to a latent, along a side."""
    halo: int
    """How many latents around a part of a picture change that part's transforms."""
    config: Any
    """An instance of ``config_class``; its ``latents`` is the number of latent channels."""
    analysis: nn.Module
    """(x, quality) to latents (B, M, h, w), in their own units."""
    synthesis: nn.Module
    """(latents, quality) to pictures."""
    hyper_analysis: nn.Module
    """(latents, quality) to real-valued side information z."""
    entropy: nn.Module
    """What decides probabilities; `lic.models.latent_coding` runs a copy of it in float64."""
    side: FactorizedDensity
    """The distribution of z."""

    def lambda_at(self, quality: Tensor) -> Tensor:
        """The rate-distortion trade-offs, in bits for a squared 8-bit error, of qualities (B,)."""
        raise NotImplementedError

    def initialise(self, crops: Tensor) -> None:
        """Start from statistics of training crops (N, 3, H, W), uint8; by default, do nothing."""
