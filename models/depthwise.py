"""Depthwise convolutions, with a gradient that is fast on CPUs in bfloat16.

oneDNN has no fast kernel for the gradient of bfloat16 filters larger than 3x3: for 5x5 it takes ten
times as long as all the rest of the layer. In float32 it has one.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.grad import conv2d_weight


class DepthwiseConvolution(nn.Conv2d):
    """One k x k filter for each channel, zeros around: (B, width, H, W) to the same."""

    def __init__(self, width: int, kernel: int = 3) -> None:
        super().__init__(width, width, kernel, padding=kernel // 2, groups=width)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve x (B, width, H, W)."""
        if x.device.type == "cpu" and torch.is_autocast_enabled("cpu") and torch.is_grad_enabled():
            half = x.to(torch.get_autocast_dtype("cpu"))
            result: Tensor = _Depthwise.apply(  # type: ignore[no-untyped-call]
                half, self.weight, self.bias
            )
            return result
        return super().forward(x)


class _Depthwise(torch.autograd.Function):
    """The convolution of x by filters (C, 1, k, k), in x's type."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        filters = weight.to(x)
        ctx.save_for_backward(x, filters)
        return F.conv2d(x, filters, bias.to(x), padding=weight.shape[2] // 2, groups=len(weight))

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor, Tensor, Tensor]:
        x, filters = ctx.saved_tensors
        (gradient,) = gradients
        padding, groups = filters.shape[2] // 2, len(filters)
        of_x = F.conv2d(gradient, filters.flip(2, 3), padding=padding, groups=groups)
        exact = gradient.float()
        of_weight = conv2d_weight(  # type: ignore[no-untyped-call]
            x.float(), filters.shape, exact, padding=padding, groups=groups
        )
        return of_x, of_weight, exact.sum((0, 2, 3))
