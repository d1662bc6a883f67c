"""Rounding with gradients, as quantization-aware training needs it.

`round_half_up` is what networks of integers do. Its gradient is that of the identity (the
straight-through estimator of Bengio et al. 2013, arXiv 1308.3432). Where a unit multiplies what was
rounded, this gives the unit the gradient of learned step sizes (LSQ, Esser et al. 2020, arXiv
1902.08153, equation 3): the rounding error inside the range, and the limit beyond it.
`noisy` is the relaxed form: uniform noise of the same variance, 1/12, which has a gradient
everywhere (Balle et al. 2017, arXiv 1611.01704, section 3). `rescaled` is rounding with all that is
around it in a layer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Rounding = Callable[[Tensor], Tensor]
"""`round_half_up` or `noisy`."""


def round_half_up(x: Tensor) -> Tensor:
    """floor(x + 1/2), with the gradient of x."""
    rounded = torch.floor(x.detach() + 0.5)
    return rounded + (x - x.detach()) if x.requires_grad else rounded


def noisy(x: Tensor) -> Tensor:
    """Values with uniform noise from -1/2 to 1/2."""
    return x + torch.rand_like(x) - 0.5


def rescaled(
    total: Tensor,
    scale: Tensor,
    offset: Tensor | None,
    low: Tensor,
    high: Tensor,
    rounding: Rounding = round_half_up,
) -> Tensor:
    """(rounding(total * scale) + offset) limited to low..high, where it has no gradient beyond.

    Shapes broadcast to that of ``total`` (B, h, w, C). The same by torch's own functions keeps more
    tensors for the gradient, and takes a fifth more time.
    """
    result: Tensor = _Rescaled.apply(  # type: ignore[no-untyped-call]
        total, scale, offset, low, high, rounding
    )
    return result


class _Rescaled(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        total: Tensor,
        scale: Tensor,
        offset: Tensor | None,
        low: Tensor,
        high: Tensor,
        rounding: Rounding,
    ) -> Tensor:
        rounded = rounding(total * scale)
        if offset is not None:
            rounded += offset
        result = rounded.clamp(low, high)
        ctx.save_for_backward(total, scale, result == rounded)
        ctx.offset_shape = None if offset is None else offset.shape
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor | None, ...]:
        total, scale, inside = ctx.saved_tensors
        inner = gradients[0] * inside
        of_total = inner * scale if ctx.needs_input_grad[0] else None
        of_scale = (inner * total).sum_to_size(scale.shape) if ctx.needs_input_grad[1] else None
        of_offset = inner.sum_to_size(ctx.offset_shape) if ctx.needs_input_grad[2] else None
        return of_total, of_scale, of_offset, None, None, None
