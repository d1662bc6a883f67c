"""Parameters and multiply-accumulates of a model, by part."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


def parameter_count(model: nn.Module) -> int:
    """Number of trained parameters."""
    return sum(p.numel() for p in model.parameters())


@torch.inference_mode()
def kmac_per_pixel(model: Any, side: int = 256) -> dict[str, float]:
    """Thousands of multiply-accumulates a pixel, by top-level part, and for encode and decode.

    Convolutions only, counted in a forward pass of a square picture.
    """
    counts: dict[str, float] = {}

    def count(part: str, layer: nn.Conv2d) -> Any:
        def hook(_: nn.Module, __: tuple[Tensor, ...], out: Tensor) -> None:
            taps = layer.weight[0].numel()
            counts[part] = counts.get(part, 0.0) + out.numel() * taps / side**2 / 1000

        return layer.register_forward_hook(hook)

    hooks = [
        count(part, layer)
        for part, child in model.named_children()
        for layer in child.modules()
        if isinstance(layer, nn.Conv2d)
    ]
    was_training = model.training
    model.eval()
    model(torch.zeros(1, 3, side, side), torch.tensor([0.5]))
    model.train(was_training)
    for hook in hooks:
        hook.remove()
    total = sum(counts.values())
    counts["encode"] = total - counts["synthesis"]
    counts["decode"] = counts["entropy"] + counts["synthesis"]
    return counts
