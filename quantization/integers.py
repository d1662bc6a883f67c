"""The integers of a layer while they are tensors, and what a result is to be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from lic.integer_networks.fixed_point import ACCUMULATOR_LIMIT, GAIN_BITS, LARGEST, LOG_BITS
from lic.integer_networks.values import Multiplier


@dataclass(frozen=True)
class Target:
    """What a convolution's result is to be: an output with units of its own.

    The result is real * exp(log_gain) / unit + offset, limited to low..high.
    """

    unit: Tensor
    """(C,)."""
    log_gain: Tensor | None = None
    """(levels, C)."""
    offset: Tensor | None = None
    """(levels, C), in units of the result."""
    low: int = -LARGEST
    high: int = LARGEST
    shift: float = 0.0
    """Added to the real result."""


@dataclass(frozen=True)
class Prepared:
    """The integers of a layer, as tensors of whole numbers, and what is known of its value."""

    unit: Tensor
    """(C,)."""
    low: Tensor
    """The least that each channel can be, (C,)."""
    high: Tensor
    weights: Tensor | None = None
    """(C_out, C_in) or (k, k, C)."""
    bias: Tensor | None = None
    ratio: Tensor | None = None
    """What a sum, or a value, is multiplied by, (C,) or one number."""
    log_gain: Tensor | None = None
    """(levels, C): logarithms of a gain that the ratio is multiplied by."""
    offset: Tensor | None = None
    """(levels, C)."""
    three: int = 0

    def multiplier(self, kind: str) -> Multiplier:
        """The ratio, and the gain, as integers."""
        assert self.ratio is not None
        ratio = _numpy(self.ratio) * 2.0 ** (GAIN_BITS if kind in ("gain", "narrow") else 31)
        if self.log_gain is None:
            return Multiplier(fixed=whole(ratio))
        offsets = None if self.offset is None else whole(_numpy(self.offset))
        return Multiplier(
            logarithms=logarithms(ratio * np.exp(_numpy(self.log_gain))), offsets=offsets
        )


def whole(values: NDArray[np.float64]) -> NDArray[np.int32]:
    """To the nearest integers, at most 2**31 - 1."""
    return np.minimum(np.rint(values), ACCUMULATOR_LIMIT).astype(np.int32)


def logarithms(values: NDArray[np.float64]) -> NDArray[np.int32]:
    """Base-2 logarithms of positive values in the integer tables' units."""
    return np.clip(whole(np.log2(values) * 2**LOG_BITS), 0, (31 << LOG_BITS) - 1)


def _numpy(x: Tensor) -> NDArray[np.float64]:
    array: NDArray[np.float64] = x.detach().double().cpu().numpy()
    return array
