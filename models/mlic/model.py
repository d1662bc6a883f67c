"""The MLICv2 codec as one module: transforms, entropy path, and its second stage of training."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lic.models.base import CodecModel
from lic.models.factorized import FactorizedDensity
from lic.models.mixture import Mixture
from lic.models.mlic.config import MlicConfig
from lic.models.mlic.entropy import SlicePath
from lic.models.mlic.linear_start import linear_start
from lic.models.mlic.transforms import Analysis, HyperAnalysis, Synthesis, halo
from lic.models.registry import register_model


@register_model("mlicv2")
class Mlic(CodecModel):
    """MLICv2 (Jiang et al., arXiv 2504.19119), or MLIC++ and all between them by configuration.

    Tiles: the transforms see ``halo`` latents around a tile, as those of the other family do. The
    entropy path sees the whole tile, by its global contexts, and nothing beyond it.
    """

    config_class = MlicConfig
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

    def second_stage_parameters(self) -> list[nn.Parameter]:
        """Those of guided selective compression."""
        return list(self.entropy.selection.parameters())

    def reset_second_stage(self) -> None:
        """Select every latent again."""
        for predictor in self.entropy.selection:
            predictor.reset()  # type: ignore[operator]

    def second_stage_loss(self, x: Tensor, quality: Tensor) -> Tensor:
        """How badly the selection's predictor tells which symbols are not zero: cross entropy.

        Symbols and contexts are those of coding, with the selection as it stands.
        """
        if not self.entropy.selection:
            return x.new_zeros(())
        was_training = self.training
        self.eval()  # the selection only takes part then
        with torch.no_grad():
            y = self.analysis(x, quality)
            z = self.hyper_analysis(y, quality).float().round()
        scaled = y.float() * self.entropy.latent_gain(quality)
        losses = []

        def quantise(step: int, mixture: Mixture) -> Tensor:
            symbols = (self.entropy.gather(scaled, step) - mixture.centre).detach().round()
            if mixture.selection is not None:
                target = (symbols != 0).to(mixture.selection.dtype)
                losses.append(F.binary_cross_entropy_with_logits(mixture.selection, target))
            return mixture.select(symbols) + mixture.centre

        self.entropy(z, quality, quantise)
        self.train(was_training)
        return torch.stack(losses).mean()
