"""Heads of the entropy path: parameters, latent residual prediction, selection.

S is the number of a slice's channels; widths are MLIC++'s (arXiv 2307.15421) in units of S = 32,
times ``width``.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lic.models.mixture import Mixture
from lic.models.mlic.layers import conv1x1, conv3x3, zeroed

# With this bias, an untrained predictor selects every latent (see `Mixture.coded`).
_START_LOGIT = 4.0


class ParameterHead(nn.Module):
    """Contexts (B, C, h, w/2) of a pass to raw parameters (B, outputs, S, h, w/2).

    Four 1x1 convolutions. With one Gaussian, outputs are its mean and scale, as in the paper; a
    mixture has more of them (`lic.models.mixture.outputs_per_latent`).
    """

    def __init__(self, contexts: int, size: int, outputs: int, width: float) -> None:
        super().__init__()
        self.outputs = outputs
        first, second, third = (round(width * times * size) for times in (10, 8, 4))
        self.body = nn.Sequential(
            conv1x1(contexts, first),
            nn.GELU(),
            conv1x1(first, second),
            nn.GELU(),
            conv1x1(second, third),
            nn.GELU(),
        )
        self.last = conv1x1(third, outputs * size)

    def forward(self, contexts: Tensor) -> Tensor:
        """Raw parameters, as `lic.models.mixture.Mixture.from_raw` takes them."""
        raw: Tensor = self.last(self.body(contexts))
        return torch.unflatten(raw, 1, (self.outputs, -1))


class ResidualPrediction(nn.Module):
    """Latent residual prediction: a guess of what quantization took, within half a step.

    Of the hyperprior's means, the earlier slices and the slice itself, (B, C, h, w), to residuals
    (B, S, h, w) in quantization steps. Minnen and Singh 2020 (arXiv 2007.08739), MLIC++'s widths.
    """

    def __init__(self, channels: int, size: int, width: float) -> None:
        super().__init__()
        first, second = (round(width * times * size) for times in (7, 4))
        self.body = nn.Sequential(
            conv3x3(channels, first),
            nn.GELU(),
            conv3x3(first, second),
            nn.GELU(),
            zeroed(conv3x3(second, size)),
        )

    def forward(self, known: Tensor) -> Tensor:
        """Residuals in (-1/2, 1/2)."""
        return 0.5 * torch.tanh(self.body(known))


class SelectionPredictor(nn.Module):
    """Guided selective compression (MLICv2, arXiv 2504.19119): which latents are worth coding.

    Its inputs are the scales (B, S, h, w/2) that the head predicts, in steps, and the hyperprior
    and the earlier slices at the same positions; its outputs are logits that a symbol is not zero.
    Encoder and decoder both compute them, so that the map costs no bits. The paper defines inputs
    and loss (cross entropy); the two 1x1 convolutions are our choice. The predictor is trained in a
    stage of its own, after the rest of the network; until then it selects every latent.
    """

    def __init__(self, known: int, size: int) -> None:
        super().__init__()
        self.body = nn.Sequential(conv1x1(known + size, 4 * size), nn.GELU())
        self.last = conv1x1(4 * size, size)
        self.reset()

    def reset(self) -> None:
        """Select every latent, as an untrained predictor does."""
        zeroed(self.last)
        nn.init.constant_(self.last.bias, _START_LOGIT)  # type: ignore[arg-type]

    def forward(self, mixture: Mixture, known: Tensor) -> Tensor:
        """Logits (B, S, h, w/2); no gradient reaches what they are computed from."""
        scale = mixture.log_scales.amax(1)
        out: Tensor = self.last(self.body(torch.cat((scale, known), dim=1).detach()))
        return out
