"""A codec as integer graphs: which parts there are, and how latents pass between them.

Latents are integers in 1/64 of a quantization step wherever they meet the entropy coder, and
activations in units of their own, one for each channel, wherever they meet a network. `targets` and
`activations` go from one to the other at a quality, by tables of base-2 logarithms.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .errors import GraphError
from .fixed_point import LOG_BITS, Integers, Wide, apply_gain, at_quality, exp2, saturate
from .graph import Graph

STEPS = 4
LATENT_LIMIT = 2**24 - 1
"""The largest decoded latent that a network is shown, in 1/64 step."""
SIDE_LIMIT = 511
"""The largest symbol of the side information that a network is shown."""
SIDE_SCALE = 64
"""What a symbol of the side information is multiplied by when a network is shown it."""


@dataclass(frozen=True, eq=False)
class CodecNetwork:
    """The parts of a codec of the default family.

    Raises
    ------
    GraphError
        If the parts do not fit each other.
    """

    analysis: Graph
    """2 p - 255 of pixels p (B, H, W, 3) to latents (B, H/16, W/16, M) as activations."""
    hyper_analysis: Graph
    """Latents as activations to side information (B, h/4, w/4, Z)."""
    hyper_synthesis: Graph
    """Symbols of the side information, limited and scaled, to features (B, h, w, F)."""
    steps: tuple[Graph, ...]
    """Features, and latents decoded so far if the step sees any, to a mixture."""
    corrector: Graph | None
    """Features to what is added to the latents, as activations, before synthesis."""
    synthesis: Graph
    """Latents as activations to pixels, 0 to 255."""
    to_steps: NDArray[np.int32]
    """(levels, M): logarithms of activations' gains to 1/64 step."""
    from_steps: NDArray[np.int32]
    """(levels, M): logarithms of the gains from 1/64 step to activations."""
    side_counts: NDArray[np.int32]
    """(levels, Z, symbols + 1): counts of the side information's distributions."""

    def __post_init__(self) -> None:
        latents = self.latents
        wide = self.analysis.values[self.analysis.outputs[0]].channels
        inputs = [graph.inputs[0].channels for graph in (self.hyper_analysis, self.synthesis)]
        if len(self.steps) != STEPS or {wide, *inputs} != {latents} or latents % STEPS:
            raise GraphError("the parts of the network do not fit each other")
        for table in (self.to_steps, self.from_steps):
            if table.shape[1] != latents or table.min() < 0 or table.max() >= 31 << LOG_BITS:
                raise GraphError("a table of the latents' gains is out of range")

    @property
    def latents(self) -> int:
        """The number of channels M."""
        return int(self.to_steps.shape[1])

    @property
    def halo(self) -> int:
        """How many latents beyond a region of the picture influence its transforms."""
        return int(max(-(-self.analysis.reach // 16), -(-self.synthesis.reach // 1)))

    def targets(self, latents: Integers, quality: int) -> Wide:
        """Latents as activations (B, h, w, M) to 1/64 step."""
        return apply_gain(latents, exp2(at_quality(self.to_steps, quality)))

    def activations(self, latents: Integers, quality: int) -> NDArray[np.int16]:
        """Decoded latents (B, h, w, M) in 1/64 step to activations."""
        limited = np.clip(latents, -LATENT_LIMIT, LATENT_LIMIT)
        gained = apply_gain(limited, exp2(at_quality(self.from_steps, quality)))
        return saturate(gained).astype(np.int16)


def place(group: int, step: int) -> tuple[int, int]:
    """Where in a 2x2 cell (row, column) a quarter of the channels is coded in a step."""
    return ((0, 0), (1, 1), (0, 1), (1, 0))[group ^ step]


def gather(latents: NDArray[np.int32], step: int) -> NDArray[np.int32]:
    """The latents of one step: (B, h, w, M) to (B, h/2, w/2, M)."""
    parts = np.split(latents, STEPS, axis=3)
    cells = [p[:, r::2, c::2] for p, (r, c) in zip(parts, _places(step), strict=True)]
    return np.concatenate(cells, axis=3)


def scatter(values: Integers, step: int, latents: Integers) -> None:
    """Put the latents of one step (B, h/2, w/2, M) in their places in (B, h, w, M)."""
    size = values.shape[3] // STEPS
    for group, (row, column) in enumerate(_places(step)):
        part = slice(group * size, (group + 1) * size)
        latents[:, row::2, column::2, part] = values[..., part]


def _places(step: int) -> list[tuple[int, int]]:
    return [place(group, step) for group in range(STEPS)]
