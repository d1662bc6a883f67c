"""One set of weights for all architectures of a space: its training, and how good each one is.

Every step trains the largest network, the smallest, and some at random (the sandwich rule of
slimmable networks, Yu and Huang 2019, arXiv 1903.05134, section 3; once-for-all networks, Cai et
al. 2020, arXiv 1908.09791). Each number of bits has learned units and steps of its own (EQ-Net,
arXiv 2308.07650), so that the result serves all of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lic.models.layers import TokenMixing
from lic.quantization.quantized_codec import QuantizedCodec
from lic.quantization.search.space import Architecture, Space
from lic.training.losses import mean_squared_error, rate_distortion_loss

Batches = Callable[[int], tuple[Tensor, Tensor]]
"""The number of a step to its pictures (B, 3, S, S) in 0..1 and qualities (B,)."""
_RANDOM = 2
_CLIP = 1.0
_SEED = 7
_SECONDS = 60.0
"""Between checkpoints."""


@dataclass
class Supernet:
    """A space and the network whose weights it shares."""

    space: Space
    codec: QuantizedCodec

    def choose(self, architecture: Architecture) -> None:
        """Make the network compute what this architecture does."""
        self.codec.choose(self.space.plan(architecture), self.space.shapes(architecture))

    @torch.no_grad()
    def loss(self, architecture: Architecture, crops: Tensor, qualities: Tensor) -> float:
        """The rate-distortion loss on crops (N, 3, H, W), with latents as a file holds them.

        It is the mean over the crops, each at its quality (N,); lower is better. See
        `rate_distortion_loss`.
        """
        self.choose(architecture)
        self.codec.eval()
        return float(training_loss(self.codec, crops, qualities))

    def train(
        self,
        batches: Batches,
        steps: int,
        learning_rate: float,
        tell: Callable[[int, float], None],
        saved: dict[str, Any] | None = None,
        save: Callable[[dict[str, Any]], None] = lambda _: None,
    ) -> None:
        """Train by the sandwich rule; the learning rate falls to zero.

        ``tell`` hears of each step and of the loss of the largest network. ``save`` is given the
        state now and then, and at the end; with ``saved``, such a state, the training goes on.
        """
        parameters = [p for p in self.codec.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(parameters, learning_rate, betas=(0.9, 0.98), weight_decay=0)
        first = 0
        if saved is not None:
            self.codec.load_state_dict(saved["codec"])
            optimizer.load_state_dict(saved["optimizer"])
            first = saved["step"]
        self.codec.train()
        last = time.monotonic()
        for step in range(first, steps):
            rng = np.random.default_rng([_SEED, step])
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
            if step == steps - 1 or time.monotonic() - last > _SECONDS:
                state = {"codec": self.codec.state_dict(), "optimizer": optimizer.state_dict()}
                save({**state, "step": step + 1})
                last = time.monotonic()
        self.codec.eval()


def training_loss(codec: nn.Module, x: Tensor, quality: Tensor) -> Tensor:
    """The loss that training lowers, for pictures and qualities; in evaluation, that of files."""
    trade_off = codec.lambda_at(quality)  # type: ignore[operator]
    loss, *_ = rate_distortion_loss(codec(x, quality), x, trade_off, mean_squared_error)
    return loss


@torch.no_grad()
def sort_channels(model: nn.Module) -> None:
    """Put the strongest channels of every block's branch first, which changes nothing else.

    Smaller architectures have the first ones. A channel's strength is the product of its weights'
    norms, to and from it.
    """
    for block in model.modules():
        if not isinstance(block, TokenMixing):
            continue
        inner = block.channel_out.in_channels
        into = block.channel_in.weight[:inner].flatten(1).norm(dim=1)
        order = (into * block.channel_out.weight.flatten(2).norm(dim=(0, 2))).argsort(
            descending=True
        )
        rows = torch.cat((order, order + inner)) if block.gated else order
        block.channel_in.weight.copy_(block.channel_in.weight[rows])
        assert block.channel_in.bias is not None
        block.channel_in.bias.copy_(block.channel_in.bias[rows])
        block.channel_out.weight.copy_(block.channel_out.weight[:, order])
