"""Rounding with gradients, as quantization-aware training needs it.

`round_half_up` is what networks of integers do. Its gradient is that of the identity (the
straight-through estimator of Bengio et al. 2013, arXiv 1308.3432). Where a unit multiplies what was
rounded, this gives the unit the gradient of learned step sizes (LSQ, Esser et al. 2020, arXiv
1902.08153, equation 3): the rounding error inside the range, and the limit beyond it.
`noisy` is the relaxed form: uniform noise of the same variance, 1/12, which has a gradient
everywhere (Balle et al. 2017, arXiv 1611.01704, section 3).
"""

from __future__ import annotations

import torch
from torch import Tensor


def round_half_up(x: Tensor) -> Tensor:
    """floor(x + 1/2), with the gradient of x."""
    rounded = torch.floor(x.detach() + 0.5)
    return rounded + (x - x.detach()) if x.requires_grad else rounded


def noisy(x: Tensor) -> Tensor:
    """Values with uniform noise from -1/2 to 1/2."""
    return x + torch.rand_like(x) - 0.5
