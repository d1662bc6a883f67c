"""The encoder's choice for each tile: the network alone, the network corrected, or neither.

What the decoder will show is known to the last bit, so the encoder looks at it. A network that
fails on a picture shows by errors that cost more than its bits; then the residual layer codes the
tile alone, or corrects the network, whichever is better. Photographs at usual qualities pass two
cheap tests and are left alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lic import residual_coding
from lic.codec.container import QUALITY_STEPS
from lic.codec.pixels import Pixels
from lic.residual_coding import Layer, Settings

# What networks are trained with: a squared error of 1 in each of a pixel's three samples is as bad
# as lambda bits a pixel; lambda goes from the first to the second as the quality goes up.
_LAMBDA = (0.0008, 0.15)
# Above this quality the layer goes on where the network's gains end. At quality 100 its step is
# fine enough for 44 dB of what no transform predicts: noise.
_FINE_FROM, _FINEST_STEP = 0.8, 5.0
# The error that a quantizer should make of one step, where a bit less is worth it.
_WORTH_OF_STEP = 0.17

# A network that works balances rate and distortion: on Kodak's pictures its error costs .5 to 1.5
# times its bits. On synthetic pictures it costs 2 to 1,000 times as much.
_FAILING = 1.8
# The share of pixels that continue their neighbours: at most .14 on Kodak, .46 in a photograph
# scaled up five times, .59 and more in graphics.
_GRAPHIC = 0.5
_UNIT = 16
# Bits that the error of 16 x 16 pixels is worth; a usual unit has 100, one in 1,000 has 1,000.
_BROKEN_UNIT = 1500.0
# Up to this share of broken units the rest of a tile is probably the network's kind.
_FEW = 0.5


@dataclass(frozen=True)
class Choice:
    """How a tile is coded."""

    stream: bytes
    """The network's; empty if the tile does without it."""
    layer: Layer | None


def bit_worth(quality: int) -> float:
    """Squared error, summed over samples, that is as bad as one more bit of a network's stream."""
    low, high = _LAMBDA
    return float(3 / (low * (high / low) ** (quality / QUALITY_STEPS)))


def layer_settings(quality: int) -> Settings:
    """How finely the residual layer corrects at a quality, 0 to 10000."""
    step = (bit_worth(quality) / _WORTH_OF_STEP) ** 0.5
    last = (bit_worth(QUALITY_STEPS) / _WORTH_OF_STEP) ** 0.5
    beyond = max(quality / QUALITY_STEPS - _FINE_FROM, 0) / (1 - _FINE_FROM)
    step *= (_FINEST_STEP / last) ** beyond
    # In whole sixteenths from here on.
    return Settings(round(16 * step), min(int((step - 1) / 2), 127), _WORTH_OF_STEP * step**2)


def choose(
    source: Pixels, base: Pixels, stream: bytes, quality: int, *, drop: bool, correct: bool
) -> Choice:
    """The best way to code a tile that the network shows as ``base`` for a stream.

    ``drop`` and ``correct`` say whether the tile may do without the network, and whether what the
    network shows may be corrected.
    """
    settings = layer_settings(quality)
    squares = _squares(source, base)
    error = int(squares.sum(dtype=np.int64))
    bits = 8 * len(stream)
    network_worth = bit_worth(quality)
    failing = error > _FAILING * network_worth * bits
    broken = float((_units(squares) > _BROKEN_UNIT * network_worth).mean())
    candidates: list[tuple[float, Choice]] = [
        (error + settings.bit_worth * bits, Choice(stream, None))
    ]
    if drop and (failing or _plain(source) > _GRAPHIC):
        candidates.append(_candidate(source, None, b"", settings))
    fine = quality > _FINE_FROM * QUALITY_STEPS
    if correct and (fine or 0 < broken < _FEW or (broken and not drop)):
        candidates.append(_candidate(source, base, stream, settings))
    return min(candidates, key=lambda candidate: candidate[0])[1]


def squared_error(source: Pixels, shown: Pixels) -> int:
    """The sum of all samples' squared errors."""
    return int(_squares(source, shown).sum(dtype=np.int64))


def _squares(source: Pixels, shown: Pixels) -> NDArray[np.int32]:
    """Each pixel's squared error, summed over its samples."""
    difference = source.astype(np.int32) - shown
    squares: NDArray[np.int32] = np.einsum("ijk,ijk->ij", difference, difference)
    return squares


def _candidate(
    source: Pixels, base: Pixels | None, stream: bytes, settings: Settings
) -> tuple[float, Choice]:
    """A choice with a layer, and its cost."""
    layer = residual_coding.encode(source, base, settings)
    cost = layer.squared_error + settings.bit_worth * 8 * (len(stream) + len(layer.stream))
    return cost, Choice(stream, layer)


def _units(squares: NDArray[np.int32]) -> NDArray[np.int32]:
    """The sums of 16 x 16 pixels each."""
    rows, columns = squares.shape
    by_row = np.add.reduceat(squares, np.arange(0, rows, _UNIT), axis=0)
    return np.add.reduceat(by_row, np.arange(0, columns, _UNIT), axis=1)


def _plain(source: Pixels) -> float:
    """The share of pixels that continue their neighbours: nothing, a line or a slope goes on."""
    if min(source.shape[:2]) < 2:
        return 0.0
    # Every fourth row tells enough.
    here, above = source[1::4].astype(np.int16), source[:-1:4].astype(np.int16)
    surprise = here[:, 1:] - here[:, :-1] - above[:, 1:] + above[:, :-1]
    return float((~surprise.any(axis=2)).mean())
