"""A part of a network, and how it is rounded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from torch import Tensor, nn

from lic.integer_networks.fixed_point import LARGEST
from lic.integer_networks.graph import Graph
from lic.quantization.arithmetic import run
from lic.quantization.bits import BitPlan
from lic.quantization.calibration import Ranges, channels_last
from lic.quantization.float_graph import FloatGraph
from lic.quantization.integers import Prepared, Target
from lic.quantization.lowering import lower
from lic.quantization.preparation import prepare
from lic.quantization.quantizer import GraphQuantizer
from lic.quantization.rounding import round_half_up

Build = Callable[[Any, FloatGraph], FloatGraph]


class Ends(NamedTuple):
    """What a part's inputs and outputs are: see `GraphQuantizer.prepare`."""

    given: Mapping[str, Tensor]
    targets: Mapping[str, Target] = {}
    limits: Mapping[str, int] = {}


class QuantizedPart(nn.Module):
    """A part of the network, and how it is rounded."""

    def __init__(
        self, module: nn.Module, build: Build, plans: Sequence[BitPlan], ranges: Ranges
    ) -> None:
        super().__init__()
        self.module = module
        self.build = build
        self.start: Callable[[], FloatGraph] = partial(FloatGraph, plans[0])
        self.rounding: Callable[[Tensor], Tensor] = round_half_up
        graphs = [build(module, FloatGraph(plan)) for plan in plans]
        inputs = [layer.name for layer in graphs[0].layers if layer.kind == "input"]
        self.quantizer = GraphQuantizer(graphs, ranges, inputs)

    def graph(self) -> FloatGraph:
        """The graph of the chosen bits and shapes."""
        return self.build(self.module, self.start())

    def prepared(self, ends: Ends, graph: FloatGraph) -> list[Prepared]:
        """The integers of its layers."""
        return prepare(self.quantizer, graph, *ends, rounding=self.rounding)

    def run(self, ends: Ends, inputs: Sequence[Tensor], quality: Tensor) -> tuple[Tensor, Tensor]:
        """The output, in whole numbers (B, h, w, C), and its unit; inputs are whole, too."""
        graph = self.graph()
        prepared = self.prepared(ends, graph)
        values = run(graph, prepared, inputs, quality, self.rounding)
        place = graph.outputs[0]
        return values[place], prepared[place].unit

    def lower(self, ends: Ends) -> Graph:
        """The graph of integers."""
        graph = self.graph()
        return lower(graph, self.prepared(ends, graph))

    def output(self) -> str:
        """The name of the output's value."""
        graph = self.graph()
        return graph.layers[graph.outputs[0]].name


def integers_of(real: Tensor, unit: Tensor) -> Tensor:
    """(B, C, h, w) to whole numbers (B, h, w, C) of 16 bits."""
    return round_half_up(channels_last(real) / unit).clamp(-LARGEST, LARGEST)


def real_of(whole: Tensor, unit: Tensor) -> Tensor:
    """Whole numbers (B, h, w, C) to (B, C, h, w)."""
    return (whole * unit).permute(0, 3, 1, 2)
