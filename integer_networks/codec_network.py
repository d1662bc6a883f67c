"""A codec as integer graphs: which parts there are, and how latents pass between them.

Latents are integers in 1/64 of a quantization step wherever they meet the entropy coder, and
activations in units of their own, one for each channel, wherever they meet a network. `targets` and
`activations` go from one to the other at a quality, by tables of base-2 logarithms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from .errors import GraphError
from .fixed_point import (
    LARGEST,
    LOG_BITS,
    Integers,
    Wide,
    apply_gain,
    at_quality,
    exp2,
    nearest_level,
    saturate,
)
from .graph import Graph
from .layers import Mixture

_Integer = TypeVar("_Integer", np.int32, np.int64)

STEPS = 4
LATENT_STRIDE = 16
"""Pixels from one latent to the next."""
SIDE_STRIDE = 4
"""Latents from one place of the side information to the next."""
SIDE_TOTAL = 2**16
"""What the counts of a distribution of the side information sum to."""
MAXIMUM_HALO = 64
MAXIMUM_DENSITY = 1024
"""The most numbers for each pixel that all values of a graph together may have."""
LATENT_LIMIT = 2**24 - 1
"""The largest decoded latent, in 1/64 step."""
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
    """(levels, Z, 2 R + 2): cumulative counts of the symbols -R..R of the side information."""

    def __post_init__(self) -> None:
        self._check_tables()
        latents, side = self.to_steps.shape[1], self.side_counts.shape[1]
        if len(self.steps) != STEPS or latents % STEPS or self.hyper_synthesis.outputs[1:]:
            raise GraphError("the parts of the network do not fit each other")
        features = self.hyper_synthesis.values[self.hyper_synthesis.outputs[0]].channels
        decoded = [(features, LARGEST), (latents, LARGEST)]
        _check_part(self.analysis, [(3, 255)], LATENT_STRIDE, latents, Fraction(1, LATENT_STRIDE))
        _check_part(self.hyper_analysis, decoded[1:], SIDE_STRIDE, side, Fraction(1, SIDE_STRIDE))
        shown = [(side, SIDE_LIMIT * SIDE_SCALE)]
        _check_part(self.hyper_synthesis, shown, 1, features, Fraction(SIDE_STRIDE))
        for step in self.steps:
            _check_part(step, decoded[: len(step.inputs)], SIDE_STRIDE, latents, Fraction(1, 2))
            if not isinstance(step.layers[step.outputs[0]], Mixture):
                raise GraphError("a step of the network does not give a mixture")
        if self.corrector is not None:
            _check_part(self.corrector, decoded[:1], SIDE_STRIDE, latents, Fraction(1))
        _check_part(self.synthesis, decoded[1:], 1, 3, Fraction(LATENT_STRIDE))
        pixels = self.synthesis.values[self.synthesis.outputs[0]]
        if pixels.low.min() < 0 or pixels.high.max() > 255:
            raise GraphError("the synthesis gives more than pixels")
        if self.halo > MAXIMUM_HALO:
            raise GraphError("the transforms look too far")
        self._check_densities()

    def _check_densities(self) -> None:
        """Raise `GraphError` if a part would hold too many numbers for each pixel."""
        at_latents = (self.hyper_analysis, *self.steps, self.corrector, self.synthesis)
        strides = {1: (self.analysis,), LATENT_STRIDE: at_latents}
        strides[LATENT_STRIDE * SIDE_STRIDE] = (self.hyper_synthesis,)
        for stride, graphs in strides.items():
            for graph in graphs:
                if graph is not None and graph.density > MAXIMUM_DENSITY * stride**2:
                    raise GraphError("a part of the network holds too many numbers for each pixel")

    def _check_tables(self) -> None:
        """Raise `GraphError` unless the tables are of their types, sizes and ranges."""
        for table, axes in ((self.to_steps, 2), (self.from_steps, 2), (self.side_counts, 3)):
            typed = isinstance(table, np.ndarray) and table.dtype == np.int32
            if not typed or table.ndim != axes or not 1 <= table.shape[0] <= 64 or not table.size:
                raise GraphError("a table of the network is no array of int32 of its shape")
        if self.to_steps.shape != self.from_steps.shape or self.side_counts.shape[2] not in range(
            4, 2**15, 2
        ):
            raise GraphError("the tables of the network do not fit each other")
        for table in (self.to_steps, self.from_steps):
            if table.min() < 0 or table.max() >= 31 << LOG_BITS:
                raise GraphError("a table of the latents' gains is out of range")
        counts = self.side_counts
        if counts[..., 0].any() or (counts[..., -1] != SIDE_TOTAL).any():
            raise GraphError("counts of the side information are no distribution")
        if (np.diff(counts.astype(np.int64), axis=2) < 1).any():
            raise GraphError("a symbol of the side information has no probability")

    @property
    def latents(self) -> int:
        """The number of channels M."""
        return int(self.to_steps.shape[1])

    @property
    def halo(self) -> int:
        """How many latents beyond a region of the picture influence its transforms."""
        analysis = -(-self.analysis.reach // LATENT_STRIDE)
        return int(max(analysis, -(-self.synthesis.reach // 1)))

    def side_level(self, quality: int) -> int:
        """The level whose distributions the side information has at a quality."""
        return nearest_level(quality, self.side_counts.shape[0])

    def shown_side(self, symbols: Integers) -> NDArray[np.int16]:
        """Symbols of the side information as the networks see them."""
        return (np.clip(symbols, -SIDE_LIMIT, SIDE_LIMIT) * SIDE_SCALE).astype(np.int16)

    def targets(self, latents: Integers, quality: int) -> Wide:
        """Latents as activations (B, h, w, M) to 1/64 step."""
        return apply_gain(latents, exp2(at_quality(self.to_steps, quality)))

    def activations(self, latents: Integers, quality: int) -> NDArray[np.int16]:
        """Decoded latents (B, h, w, M) in 1/64 step, at most LATENT_LIMIT, to activations."""
        gained = apply_gain(latents, exp2(at_quality(self.from_steps, quality)))
        return saturate(gained).astype(np.int16)


def _check_part(
    graph: Graph, inputs: Sequence[tuple[int, int]], unit: int, channels: int, resolution: Fraction
) -> None:
    """Raise `GraphError` if a part does not take these inputs, or gives something else.

    ``inputs`` are the channels of each and the largest magnitude that it must accept. Their sides
    are multiples of ``unit``.
    """
    if len(graph.inputs) != len(inputs) or len(graph.outputs) != 1:
        raise GraphError("a part of the network has a wrong number of inputs or outputs")
    for layer, (wanted, largest) in zip(graph.inputs, inputs, strict=True):
        bounded = layer.low <= -largest and layer.high >= largest
        if layer.channels != wanted or layer.divisor != 1 or not bounded:
            raise GraphError("a part of the network does not take its input")
    value = graph.values[graph.outputs[0]]
    is_mixture = isinstance(graph.layers[graph.outputs[0]], Mixture)
    if value.channels != channels or value.resolution != resolution:
        raise GraphError("a part of the network gives a value of another shape")
    if not is_mixture and not value.narrow:
        raise GraphError("a part of the network gives a value of more than 16 bits")
    if unit % graph.unit:
        raise GraphError("a part of the network needs sides of another multiple")


def place(group: int, step: int) -> tuple[int, int]:
    """Where in a 2x2 cell (row, column) a quarter of the channels is coded in a step."""
    return ((0, 0), (1, 1), (0, 1), (1, 0))[group ^ step]


def gather(latents: NDArray[_Integer], step: int) -> NDArray[_Integer]:
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
