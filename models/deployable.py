"""The deployable family: fast transforms, hyperprior, four-step context, mixture entropy model.

    x -> analysis -> y -> hyper analysis -> z
                     z -> hyper synthesis -> features
    four times: features + latents so far -> mixture of the next quarter -> its symbols
    latents -> synthesis -> x_hat

One network serves all rates: `quality` in [0, 1] selects the gains between trained levels. The
latents are multiplied by `latent_gain`: a quantization step is one unit of the product.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lic.models.base import CodecModel, ModelOutput
from lic.models.context import STEPS, ContextStep, gather_step, scatter_step
from lic.models.factorized import FactorizedDensity
from lic.models.layers import QualityGain, round_ste
from lic.models.linear_start import linear_start
from lic.models.mixture import Mixture, outputs_per_latent
from lic.models.registry import register_model
from lic.models.transforms import Analysis, HyperAnalysis, HyperSynthesis, Synthesis


@dataclass(frozen=True)
class DeployableConfig:
    """Sizes of the network. Channels: `width` at 1/8, `latents` at 1/16, `hyper` at 1/64."""

    width: int = 128
    latents: int = 256
    hyper: int = 96
    hyper_width: int = 128
    features: int = 192
    context_width: int = 192
    context_depth: int = 1
    context_steps: int = 4
    """In how many steps latents see each other: 4, in pairs 2, or not at all 1."""
    analysis_depth: int = 2
    synthesis_depth: int = 4
    latent_depth: int = 1
    expansion: float = 1.0
    components: int = 3
    levels: int = 8
    """Quality levels with gains of their own; between them, gains are interpolated."""
    lambda_min: float = 0.0008
    lambda_max: float = 0.15


class EntropyPath(nn.Module):
    """All that decides probabilities, and nothing else: it must be computed alike everywhere."""

    def __init__(self, config: DeployableConfig) -> None:
        super().__init__()
        self.synthesis = HyperSynthesis(
            config.hyper, config.hyper_width, config.features, config.levels
        )
        self.latent_gain = QualityGain(config.levels, config.latents)
        outputs = outputs_per_latent(config.components)
        self.steps = nn.ModuleList(
            ContextStep(
                config.features,
                config.latents,
                config.context_width,
                config.context_depth,
                outputs,
                step,
                step - step % (STEPS // config.context_steps),
            )
            for step in range(STEPS)
        )

    def features(self, z: Tensor, quality: Tensor) -> Tensor:
        """Features (B, F, 4h, 4w) of decoded side information z (B, Z, h, w)."""
        out: Tensor = self.synthesis(z, quality)
        return out

    def mixture(self, step: int, features: Tensor, decoded: Tensor, log_gain: Tensor) -> Mixture:
        """The mixture of a step's latents; ``decoded`` in the latents' own units."""
        raw = self.steps[step](features, decoded)
        return Mixture.from_raw(raw.float() if raw.dtype.itemsize < 4 else raw, log_gain)


@register_model("deployable")
class Deployable(CodecModel):
    """The deployable codec as one module; see this module's docstring."""

    config_class = DeployableConfig
    latent_stride = 16
    stride = 64
    config: DeployableConfig
    analysis: Analysis
    synthesis: Synthesis
    hyper_analysis: HyperAnalysis
    entropy: EntropyPath

    def __init__(self, config: DeployableConfig) -> None:
        super().__init__()
        self.config = config
        # How many latents around a part of a picture change its transforms: one for each
        # depthwise 3x3 at 1/16, one for two of them at 1/8.
        depth = max(config.analysis_depth, config.synthesis_depth)
        self.halo = config.latent_depth + -(-depth // 2)
        sizes = (config.width, config.latents, config.latent_depth, config.levels)
        self.analysis = Analysis(*sizes, config.analysis_depth, config.expansion)
        self.synthesis = Synthesis(*sizes, config.synthesis_depth, config.expansion)
        self.hyper_analysis = HyperAnalysis(
            config.latents, config.hyper_width, config.hyper, config.levels
        )
        self.entropy = EntropyPath(config)
        self.side = FactorizedDensity(config.levels, config.hyper)
        levels = torch.linspace(0, 1, config.levels)
        # The step that balances rate and distortion for a coefficient well above the noise
        # (d/dstep of -log2 step + lambda 255^2 step^2 / 36 is zero): a good place to start from.
        steps = (18 / (0.6931 * 65025 * self.lambda_at(levels))).sqrt()
        with torch.no_grad():
            self.entropy.latent_gain.log_gain.copy_(-steps.log()[:, None])

    def lambda_at(self, quality: Tensor) -> Tensor:
        """The rate-distortion trade-off of qualities in [0, 1]: log-linear."""
        low, high = self.config.lambda_min, self.config.lambda_max
        return low * (high / low) ** quality

    def initialise(self, crops: Tensor) -> None:
        """Start as the KLT codec of training crops (N, 3, H, W), uint8, sides multiples of 16."""
        linear_start(
            self.analysis, self.synthesis, self.entropy.steps, crops, self.config.components
        )

    def forward(self, x: Tensor, quality: Tensor) -> ModelOutput:
        """Differentiable pass for training.

        Parameters
        ----------
        x
            Pictures (B, 3, H, W) in 0..1; H and W multiples of 64.
        quality
            (B,) in [0, 1].

        Returns
        -------
        ``x_hat`` (B, 3, H, W), not clamped, and ``likelihoods`` of ``y`` (B, 4M, H/32, W/32; the
        four steps one after the other) and ``z`` (B, Z, H/64, W/64). Rate comes from uniform
        noise, reconstruction from straight-through rounding.
        """
        entropy = self.entropy
        y = self.analysis(x, quality)
        z = self.hyper_analysis(y, quality).float()
        noise = torch.rand_like(z) - 0.5
        z_likelihood = self.side.likelihood(z + noise if self.training else z.round(), quality)
        features = entropy.features(round_ste(z), quality)

        log_gain = entropy.latent_gain.log(quality)
        gain = log_gain.exp()
        scaled = y.float() * gain
        decoded = torch.zeros_like(scaled)
        likelihoods = []
        for step in range(STEPS):
            mixture = entropy.mixture(step, features, decoded, log_gain)
            residual = gather_step(scaled, step) - mixture.centre
            symbols = round_ste(residual)
            noisy = residual + torch.rand_like(residual) - 0.5 if self.training else symbols
            likelihoods.append(mixture.likelihood(noisy))
            decoded = decoded + scatter_step(symbols + mixture.centre, step) / gain
        x_hat = self.synthesis(decoded, quality)
        return {
            "x_hat": x_hat,
            "likelihoods": {"y": torch.cat(likelihoods, dim=1), "z": z_likelihood},
        }
