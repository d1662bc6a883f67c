"""The deployable family: fast transforms, hyperprior, four-step context, mixture entropy model.

    z -> hyper synthesis -> features
    four times: features + latents so far -> mixture of the next quarter -> its symbols

What decides the speed comes first here; `lic.models.mlic` is the family to use where the rate does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from lic.models.base import CodecModel
from lic.models.deployable.config import DeployableConfig
from lic.models.deployable.context import STEPS, ContextStep, gather_step, scatter_step
from lic.models.deployable.growth import take_over
from lic.models.deployable.linear_start import linear_start
from lic.models.deployable.transforms import Analysis, HyperAnalysis, HyperSynthesis, Synthesis
from lic.models.entropy_path import EntropyPath
from lic.models.factorized import FactorizedDensity
from lic.models.growth import Growth
from lic.models.layers import QualityGain
from lic.models.mixture import Mixture, outputs_per_latent
from lic.models.registry import register_model


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
                config.blocks("context"),
                outputs,
                step,
                step - step % (STEPS // config.context_steps),
            )
            for step in range(STEPS)
        )
        self.corrector: nn.Conv2d | None = None
        if config.correction:
            self.corrector = nn.Conv2d(config.features, config.latents, 1)
            nn.init.zeros_(self.corrector.weight)
            nn.init.zeros_(self.corrector.bias)  # type: ignore[arg-type]

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

    def correction(self, features: Tensor) -> Tensor | None:
        """The expected rounding error of the latents, as far as the features tell it."""
        return None if self.corrector is None else self.corrector(features)


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
        self.halo = config.halo
        sizes = (config.width, config.latents, config.levels)
        self.analysis = Analysis(
            *sizes, config.blocks("analysis"), config.blocks("analysis_latent")
        )
        self.synthesis = Synthesis(
            *sizes, config.blocks("synthesis"), config.blocks("synthesis_latent")
        )
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

    @classmethod
    def read_config(cls, values: Mapping[str, Any]) -> DeployableConfig:
        """The configuration of values by name.

        Those of `small-2` have one ``latent_depth`` and one ``expansion`` for both transforms.
        """
        config = dict(values)
        if "latent_depth" in config:
            depth, expansion = config.pop("latent_depth"), config.pop("expansion")
            for side in ("analysis", "synthesis"):
                config[f"{side}_latent_depth"] = depth
                config[f"{side}_expansions"] = config[f"{side}_latent_expansions"] = (expansion,)
        return DeployableConfig(**config)

    def take_over(self, source: CodecModel) -> Growth:
        """Take over a smaller network of the family; see `lic.models.deployable.growth`."""
        return take_over(self, source)
