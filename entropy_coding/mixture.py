"""Parameters of Gaussian mixtures on the integer grid that the stream format knows.

Use a mixture where the parameters differ from symbol to symbol (a latent whose distribution a
network predicts); where each channel has one fixed distribution, use `factorized`, which costs
no arithmetic per symbol. One Gaussian is a mixture of one component, and is the same code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .tables import LOGIT_UNIT, MEAN_UNIT, SCALE_LOWEST, SCALE_RATIO

MAXIMUM_COMPONENTS = 4

_FIELDS = (("logits", np.int8), ("means", np.int16), ("scales", np.uint8))


@dataclass(frozen=True, eq=False)
class MixtureParameters:
    """Parameters of n symbols' mixtures of K components, K from 1 to 4.

    Encoder and decoder must pass the same integers. Where they come from a network, its last layer
    should produce these integers itself; `from_real` rounds floating-point numbers, which two
    machines may do differently if they computed them differently.

    Parameters
    ----------
    logits
        int8, shape (K, n): logarithms of the weights up to a common addend, in 1/16 nat. Every
        value is allowed.
    means
        int16, shape (K, n), in 1/64 of a symbol (so within -512..512). Every value is allowed.
    scales
        uint8, shape (K, n): indices into `SCALES`. Every value is allowed.

    Raises
    ------
    ValueError
        If a type or a shape is another than the above.
    """

    logits: npt.NDArray[np.int8]
    means: npt.NDArray[np.int16]
    scales: npt.NDArray[np.uint8]

    def __post_init__(self) -> None:
        for name, dtype in _FIELDS:
            array = getattr(self, name)
            if not isinstance(array, np.ndarray) or array.dtype != dtype or array.ndim != 2:
                raise ValueError(f"{name} must be a (K, n) array of {np.dtype(dtype)}")
            if array.shape != self.logits.shape:
                raise ValueError("logits, means and scales must have one shape")
            object.__setattr__(self, name, np.ascontiguousarray(array))
        if not 1 <= self.logits.shape[0] <= MAXIMUM_COMPONENTS:
            raise ValueError(f"a mixture has 1 to {MAXIMUM_COMPONENTS} components")

    def __len__(self) -> int:
        """Return the number of symbols n."""
        return int(self.logits.shape[1])

    @property
    def components(self) -> int:
        """The number of components K."""
        return int(self.logits.shape[0])

    @classmethod
    def from_real(
        cls, weights: npt.ArrayLike, means: npt.ArrayLike, scales: npt.ArrayLike
    ) -> MixtureParameters:
        """Round real parameters to the grid; values beyond it go to its nearest end.

        Parameters
        ----------
        weights
            Shape (K, n), not negative, with a positive sum for every symbol; they need not sum to
            one. A ratio to the largest of less than exp(-15.9) is raised to that.
        means
            Shape (K, n), in symbols.
        scales
            Standard deviations, shape (K, n), in symbols, positive.

        Raises
        ------
        ValueError
            If the shapes differ or a value is not finite or out of its range.
        """
        w, m, s = (np.asarray(a, dtype=np.float64) for a in (weights, means, scales))
        if w.ndim != 2 or w.shape != m.shape or w.shape != s.shape:
            raise ValueError("weights, means and scales must be (K, n) arrays of one shape")
        if not (np.isfinite(w).all() and np.isfinite(m).all() and np.isfinite(s).all()):
            raise ValueError("weights, means and scales must be finite")
        if w.size and (w.min() < 0 or w.max(axis=0).min() <= 0 or s.min() <= 0):
            raise ValueError("weights must have a positive sum, and scales must be positive")
        largest = w.max(axis=0, keepdims=True) if w.size else w
        with np.errstate(divide="ignore"):
            logits = 127 + np.rint((np.log(w) - np.log(largest)) / LOGIT_UNIT)
        return cls(
            np.clip(logits, -128, 127).astype(np.int8),
            np.clip(np.rint(m / MEAN_UNIT), -32768, 32767).astype(np.int16),
            scale_index(s),
        )

    def select(
        self, index: npt.NDArray[np.bool_] | npt.NDArray[np.integer[Any]] | slice
    ) -> MixtureParameters:
        """Return the parameters of the symbols that a mask (n,), indices or a slice choose."""
        if isinstance(index, np.ndarray):
            # Many times as fast as a mask or indices in brackets.
            places = np.flatnonzero(index) if index.dtype == np.bool_ else index
            arrays = (np.take(getattr(self, name), places, axis=1) for name, _ in _FIELDS)
        else:
            arrays = (getattr(self, name)[:, index] for name, _ in _FIELDS)
        return MixtureParameters(*arrays)


def scale_index(sigma: npt.ArrayLike) -> npt.NDArray[np.uint8]:
    """Return the index of the nearest entry of `SCALES` in the logarithmic domain.

    Takes standard deviations of any shape, in symbols; those beyond the table get its nearest end.
    """
    with np.errstate(divide="ignore"):
        position = np.log(np.asarray(sigma, dtype=np.float64) / SCALE_LOWEST) / SCALE_RATIO
    indices: npt.NDArray[np.uint8] = np.rint(np.clip(position, 0, 255)).astype(np.uint8)
    return indices
