"""The MLICv2 codec as one module: transforms and entropy path."""

from __future__ import annotations

import torch
from torch import Tensor

from lic.models.base import CodecModel
from lic.models.factorized import FactorizedDensity
from lic.models.mlic.config import MlicConfig
from lic.models.mlic.entropy import SlicePath
from lic.models.mlic.linear_start import linear_start
from lic.models.mlic.stages import STAGES
from lic.models.mlic.transforms import Analysis, HyperAnalysis, Synthesis, halo
from lic.models.registry import register_model


@register_model("mlicv2")
class Mlic(CodecModel):
    """MLICv2 (Jiang et al., arXiv 2504.19119), or MLIC++ and all between them by configuration.

    Tiles: the transforms see ``halo`` latents around a tile, as those of the other family do. The
    entropy path sees the whole tile, by its global contexts, and nothing beyond it.
    """

    config_class = MlicConfig
    stages = STAGES
    config: MlicConfig
    analysis: Analysis
    synthesis: Synthesis
    hyper_analysis: HyperAnalysis
    entropy: SlicePath

    def __init__(self, config: MlicConfig) -> None:
        super().__init__()
        self.config = config
        expansion = config.expansion if config.token_mixing else 0.0
        self.halo = halo(expansion)
        sizes = (config.widths, config.latents, expansion, config.levels)
        self.analysis = Analysis(*sizes)
        self.synthesis = Synthesis(*sizes)
        self.hyper_analysis = HyperAnalysis(config.latents, config.hyper, config.levels)
        self.entropy = SlicePath(config)
        self.side = FactorizedDensity(config.levels, config.hyper)
        self.start_gains()

    def initialise(self, crops: Tensor) -> None:
        """Start as the KLT codec of training crops (N, 3, H, W), uint8, sides multiples of 64.

        The hyper analysis, five layers of small random weights, would round to zero: its last one
        is scaled to give side information a standard deviation of one.
        """
        linear_start(self.analysis, self.synthesis, self.entropy, crops, self.config.components)
        with torch.no_grad():
            quality = torch.full((len(crops),), 0.5)
            z = self.hyper_analysis(self.analysis(crops / 255, quality), quality)
            for parameter in self.hyper_analysis.body[-1].parameters():
                parameter.div_(z.std().clamp_min(1e-6))
