"""The encoder's choice of symbols: nearest, or one nearer to zero where that saves enough bits.

A symbol that a latent hardly reaches may be far less probable than the one before it. Taking the
latter costs an error of little more than that of the nearest symbol. But all such errors go towards
the prediction and add up, so that a symbol must save more bits than its own error is worth.
`refinement` takes back what adds up, and asks for fewer.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lic.codec.executors import Integers
from lic.entropy_coding import MixtureParameters, mixture_counts

STEP = 64
"""Of latents' quantization, in the units of targets."""
ALONE, REFINED = 8, 2
"""Prices: for each 1/64 of a step beyond the middle, a symbol must take so many quarters of a bit
more than the one before it to give way, where symbols are final and where others make up for it."""
# Beyond so many bits, no symbol is improbable enough.
_MOST_BITS = 18
_SYMBOL_LIMIT = 2**31 - 1


def chosen_symbols(
    residuals: NDArray[np.int64], mixtures: MixtureParameters, price: int = ALONE
) -> Integers:
    """Symbols (n,) of latents' distances (n,) from their centres, in 1/64 step.

    The same on every machine, as products of doubles are.
    """
    symbols = ((residuals + STEP // 2) // STEP).clip(-_SYMBOL_LIMIT, _SYMBOL_LIMIT)
    beyond = np.abs(residuals) - STEP * np.abs(symbols) + STEP // 2
    places = np.flatnonzero((symbols != 0) & (price * beyond <= 4 * _MOST_BITS))
    symbols = symbols.astype(np.int32)
    outer = symbols[places]
    inner = outer - np.sign(outer)
    candidates = mixtures.select(places)
    # Prices are in quarters of a bit, so fourth powers of probabilities are compared.
    now, then = (mixture_counts(s, candidates).astype(float) ** 2 for s in (outer, inner))
    better = then * then > np.ldexp(now * now, price * beyond[places])
    symbols[places[better]] = inner[better]
    return symbols
