"""Fixed distributions, one per channel, as tables of cumulative counts.

Use them where a channel's distribution does not depend on the picture (a hyperprior's latent);
where a network predicts each symbol's distribution, use `mixture`, which needs no tables.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

COUNT_TOTAL = 1 << 16


@dataclass(frozen=True, eq=False)
class FactorizedTables:
    """Cumulative counts of every channel's window of symbols.

    Channel c codes the symbols lows[c] .. lows[c] + lengths[c] - 1. The first and the last of them
    are escapes: they stand for all symbols up to and from there, and Exp-Golomb bits follow that
    say how far beyond the symbol lies (one bit if it is the end itself). So a good window ends
    where the probability is small. Encoder and decoder must hold the same tables: store these
    integers with the network rather than computing them from real numbers on each machine.

    Parameters
    ----------
    counts
        uint32, shape (channels, longest length + 1): row c rises strictly from 0 at index 0 to
        65536 at index lengths[c], and stays there.
    lows
        int32, shape (channels,): each window's first symbol.
    lengths
        int32, shape (channels,): number of symbols in each window, at least 2.

    Raises
    ------
    ValueError
        If a type, a shape or a count is another than the above.
    """

    counts: npt.NDArray[np.uint32]
    lows: npt.NDArray[np.int32]
    lengths: npt.NDArray[np.int32]

    def __post_init__(self) -> None:
        fields = (("counts", np.uint32, 2), ("lows", np.int32, 1), ("lengths", np.int32, 1))
        for name, dtype, ndim in fields:
            array = getattr(self, name)
            if not isinstance(array, np.ndarray) or array.dtype != dtype or array.ndim != ndim:
                raise ValueError(f"{name} must be an array of {np.dtype(dtype)} with {ndim} axes")
            # A copy that nobody can write to keeps what is checked here true.
            array = array.copy(order="C")
            array.flags.writeable = False
            object.__setattr__(self, name, array)
        channels, width = self.counts.shape
        if self.lows.shape != (channels,) or self.lengths.shape != (channels,):
            raise ValueError("lows and lengths must have one entry per row of counts")
        if channels == 0:
            return
        if self.lengths.min() < 2 or self.lengths.max() >= width:
            raise ValueError("lengths must lie between 2 and the width of counts less 1")
        if (self.lows + self.lengths.astype(np.int64)).max() > 2**31:
            raise ValueError("a window's last symbol must be an int32")
        inside = np.arange(width - 1) < self.lengths[:, None]
        steps = np.diff(self.counts.astype(np.int64), axis=1)
        if (self.counts[:, 0] != 0).any() or (self.counts[:, -1] != COUNT_TOTAL).any():
            raise ValueError(f"each row of counts must go from 0 to {COUNT_TOTAL}")
        if (steps[inside] < 1).any() or (steps[~inside] != 0).any():
            raise ValueError("each row of counts must rise strictly over its length, then stay")

    @property
    def channels(self) -> int:
        """The number of channels."""
        return int(self.counts.shape[0])

    @classmethod
    def from_probabilities(
        cls, probabilities: Sequence[npt.ArrayLike], lows: npt.ArrayLike
    ) -> FactorizedTables:
        """Round real probabilities to counts.

        Every symbol of a window of L gets one count, and symbol j besides ``floor(p_j / sum(p) *
        (65536 - L))``; the counts that are left go one each to the symbols with the largest
        fractional parts, the first of equal ones first. Sums are correctly rounded, so the result
        depends on nothing but the numbers passed.

        Parameters
        ----------
        probabilities
            For each channel, a vector of L >= 2 numbers, not negative, with a positive sum (it
            need not be 1): entry j is the probability of the symbol ``lows[c] + j``, but the first
            entry is that of all symbols up to ``lows[c]`` and the last that of all from there on.
        lows
            Integers, shape (channels,).

        Raises
        ------
        ValueError
            If a vector is no distribution, has less than 2 or more than 32768 entries, or the
            number of vectors and of lows differ.
        """
        rows = [_quantize(np.asarray(p, dtype=np.float64)) for p in probabilities]
        starts = np.asarray(lows)
        if starts.shape != (len(rows),) or (starts.size and starts.dtype.kind not in "iu"):
            raise ValueError("lows must have one integer per channel")
        if starts.size and (starts.min() < -(2**31) or starts.max() >= 2**31):
            raise ValueError("lows must be int32")
        lengths = np.array([row.size for row in rows], dtype=np.int32)
        counts = np.full((len(rows), max(lengths, default=0) + 1), COUNT_TOTAL, dtype=np.uint32)
        for target, row in zip(counts, rows, strict=True):
            target[0] = 0
            target[1 : row.size + 1] = np.cumsum(row)
        return cls(counts, starts.astype(np.int32), lengths)


def _quantize(p: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Return one channel's counts, which sum to 65536."""
    if p.ndim != 1 or not 2 <= p.size <= COUNT_TOTAL // 2:
        raise ValueError(f"a channel needs a vector of 2 to {COUNT_TOTAL // 2} probabilities")
    if not np.isfinite(p).all() or p.min() < 0 or p.max() <= 0:
        raise ValueError("probabilities must be finite and not negative, and their sum positive")
    p = p / p.max()  # so that the sum cannot overflow
    share = p / math.fsum(p) * (COUNT_TOTAL - p.size)
    counts: npt.NDArray[np.int64] = np.floor(share).astype(np.int64)
    order = np.argsort(counts - share, kind="stable")
    counts[order[: COUNT_TOTAL - p.size - counts.sum()]] += 1
    counts += 1
    return counts
