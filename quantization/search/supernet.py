"""One set of weights for all architectures of a space: its training, and how good each one is.

Every step trains the largest network, the smallest, and some at random (the sandwich rule of
slimmable networks, Yu and Huang 2019, arXiv 1903.05134, section 3; once-for-all networks, Cai et
al. 2020, arXiv 1908.09791). Each number of bits has learned units and steps of its own (EQ-Net,
arXiv 2308.07650), so that the result serves all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from lic.quantization.aware_training import truly_rounded
from lic.quantization.quantized_codec import QuantizedCodec
from lic.quantization.search.space import Architecture, Space
from lic.training.losses import mean_squared_error, rate_distortion_loss

Batches = Callable[[int], tuple[Tensor, Tensor]]
"""The number of a step to its pictures (B, 3, S, S) in 0..1 and qualities (B,)."""
_RANDOM = 2
_CLIP = 1.0


@dataclass
class Supernet:
    """A space and the network whose weights it shares."""

    space: Space
    codec: QuantizedCodec

    def choose(self, architecture: Architecture) -> None:
        """Make the network compute what this architecture does."""
        self.codec.choose(self.space.plan(architecture), self.space.shapes(architecture))

    @torch.no_grad()
    def loss(self, architecture: Architecture, crops: Tensor, qualities: Sequence[float]) -> float:
        """The rate-distortion loss on crops (N, 3, H, W), with latents as a file holds them.

        It is the mean over the qualities; lower is better. See `rate_distortion_loss`.
        """
        self.choose(architecture)
        losses = [
            truly_rounded(self.codec, crops, torch.full((len(crops),), quality))
            for quality in qualities
        ]
        return float(torch.stack(losses).mean())

    def train(
        self,
        batches: Batches,
        steps: int,
        rng: np.random.Generator,
        learning_rate: float,
        tell: Callable[[int, float], None],
    ) -> None:
        """Train by the sandwich rule; the learning rate falls to zero.

        ``tell`` hears of each step and of the loss of the largest network.
        """
        parameters = [p for p in self.codec.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(parameters, learning_rate, betas=(0.9, 0.98), weight_decay=0)
        self.codec.train()
        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate * (1 - step / steps)
            optimizer.zero_grad(set_to_none=True)
            chosen = [self.space.largest, self.space.smallest]
            chosen += [self.space.random(rng) for _ in range(_RANDOM)]
            x, quality = batches(step)
            losses = []
            for architecture in chosen:
                self.choose(architecture)
                loss = training_loss(self.codec, x, quality) / len(chosen)
                loss.backward()  # type: ignore[no-untyped-call]
                losses.append(float(loss.detach()) * len(chosen))
            norm = nn.utils.clip_grad_norm_(parameters, _CLIP)
            if torch.isfinite(norm):
                optimizer.step()
            tell(step, losses[0])
        self.codec.eval()


def training_loss(codec: nn.Module, x: Tensor, quality: Tensor) -> Tensor:
    """The loss that training lowers, for pictures and qualities."""
    trade_off = codec.lambda_at(quality)  # type: ignore[operator]
    loss, *_ = rate_distortion_loss(codec(x, quality), x, trade_off, mean_squared_error)
    return loss
