"""The units and steps of a graph in integers, of which some are learned.

A value is its integers times a unit, one for each channel. The units of a layer's inputs go into
its weights, so that what remains is a multiplier. Units of values of 16 bits come from calibration
and stay; those of narrower values, and the steps of weights, are learned (LSQ, arXiv 1902.08153),
one set for every number of bits (EQ-Net, arXiv 2308.07650), so that one network can serve several.

`preparation` derives all integers of a graph from them, `arithmetic` computes with those as tensors
of whole numbers, and `lowering` makes a graph of integers of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from lic.quantization.calibration import Ranges
from lic.quantization.float_graph import WIDE, FloatGraph, FloatLayer
from lic.quantization.units import SMALLEST, best_unit, fixed_units, least_error, limits_of


class GraphQuantizer(nn.Module):
    """The units and steps of a graph, for the bits of one or of several plans.

    Parameters
    ----------
    graphs
        The same graph for each of the plans, whole.
    ranges
        What calibration saw.
    given
        The names of those values whose units are not its own.
    """

    def __init__(self, graphs: Sequence[FloatGraph], ranges: Ranges, given: Iterable[str]) -> None:
        super().__init__()
        self._given = frozenset(given)
        self.learned = nn.ParameterDict()
        self.fixed: dict[str, str] = {}
        for graph in graphs:
            self._learn(graph, ranges)
        for name, unit in fixed_units(graphs[0], ranges).items():
            if name not in self._given:
                self.fixed[name] = f"unit_{_key(name)}"
                self.register_buffer(self.fixed[name], unit)

    def _learn(self, graph: FloatGraph, ranges: Ranges) -> None:
        names = {place: layer.name for place, layer in enumerate(graph.layers)}
        for layer in graph.layers:
            source = layer.name if layer.kind != "narrow" else names[layer.sources[0]]
            if layer.bits < WIDE and _key(layer.name, layer.bits) not in self.learned:
                seen = torch.cat(ranges.samples[source])
                unit = best_unit(seen, ranges.maxima[source], *limits_of(layer))
                self.learned[_key(layer.name, layer.bits)] = nn.Parameter(unit.log())
            if layer.weight_bits and _step_key(layer) not in self.learned:
                assert layer.weight is not None
                columns = (
                    layer.weight.detach().T
                    if layer.kind == "convolution"
                    else layer.weight.detach().flatten(0, 1)
                )
                largest = 2 ** (layer.weight_bits - 1) - 1
                most = columns.abs().amax(0).clamp_min(SMALLEST) / largest
                best = least_error(columns, most, -largest, largest)
                self.learned[_step_key(layer)] = nn.Parameter((best / most).log())

    def wide_unit(self, name: str) -> Tensor:
        """The unit of a value of 16 bits; (1,), (2,) for the halves of a gate's source, or (C,)."""
        unit: Tensor = getattr(self, self.fixed[name])
        return unit

    def narrow_unit(self, layer: FloatLayer) -> Tensor:
        """The learned unit (C,) of a narrow value."""
        unit: Tensor = self.learned[_key(layer.name, layer.bits)].exp()
        return unit

    def step(self, layer: FloatLayer) -> Tensor:
        """The learned steps (C_out,) of weights, in units of that with which nothing is clipped."""
        steps: Tensor = self.learned[_step_key(layer)].exp()
        if layer.rows is not None:
            return steps[layer.rows]
        return steps


def _key(name: str, bits: int | None = None) -> str:
    return name.replace(".", "-") + ("" if bits is None else f"@{bits}")


def _step_key(layer: FloatLayer) -> str:
    return f"{_key(layer.name, layer.weight_bits)}w"
