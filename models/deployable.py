"""The deployable family: fast transforms, hyperprior, four-step context, mixture entropy model.

    z -> hyper synthesis -> features
    four times: features + latents so far -> mixture of the next quarter -> its symbols

What decides the speed comes first here; `lic.models.mlic` is the family to use where the rate does.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from lic.models.base import CodecModel
from lic.models.context import STEPS, ContextStep, gather_step, scatter_step
from lic.models.entropy_path import EntropyPath
from lic.models.factorized import FactorizedDensity
from lic.models.layers import QualityGain
from lic.models.linear_start import linear_start
from lic.models.mixture import Mixture, outputs_per_latent
from lic.models.registry import register_model
from lic.models.transforms import Analysis, HyperAnalysis, HyperSynthesis, Synthesis


@dataclass(frozen=True)
class DeployableConfig:
    """Sizes of the network. Channels: `width` at 1/8, `latents` at 1/16, `hyper` at 1/64.

    Raises
    ------
    ValueError
        If the sizes do not go together.
    """

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

    def __post_init__(self) -> None:
        if self.latents % STEPS or not 0 < self.latents <= 4 * min(self.width, 192):
            raise ValueError("latents must be a multiple of 4, up to 4 width and 768")
        if self.components not in (1, 2, 3, 4):
            raise ValueError("components must be 1 to 4")
        if self.context_steps not in (1, 2, 4):
            raise ValueError("context_steps must be 1, 2 or 4")


class FourStepPath(EntropyPath):
    """Hyper synthesis and four context steps, each of which takes a quarter of the latents."""

    step_count = STEPS

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

    def gather(self, y: Tensor, step: int) -> Tensor:
        """The latents of one step: (B, M, h, w) to (B, M, h/2, w/2)."""
        return gather_step(y, step)

    def scatter(self, values: Tensor, step: int) -> Tensor:
        """The inverse of `gather`, zero elsewhere."""
        return scatter_step(values, step)

    def mixture(self, step: int, features: Tensor, decoded: Tensor, log_gain: Tensor) -> Mixture:
        """The mixture of a step's latents; ``decoded`` in the latents' own units."""
        raw = self.steps[step](features, decoded)
        return Mixture.from_raw(raw, log_gain)


@register_model("deployable")
class Deployable(CodecModel):
    """The deployable codec as one module; see this module's docstring."""

    config_class = DeployableConfig
    config: DeployableConfig
    analysis: Analysis
    synthesis: Synthesis
    hyper_analysis: HyperAnalysis
    entropy: FourStepPath

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
        self.entropy = FourStepPath(config)
        self.side = FactorizedDensity(config.levels, config.hyper)
        self.start_gains()

    def initialise(self, crops: Tensor) -> None:
        """Start as the KLT codec of training crops (N, 3, H, W), uint8, sides multiples of 16."""
        linear_start(
            self.analysis, self.synthesis, self.entropy.steps, crops, self.config.components
        )
