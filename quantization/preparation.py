"""All integers of a graph: its weights, biases and multipliers, with their gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import torch
from torch import Tensor

from lic.integer_networks.fixed_point import ACCUMULATOR_LIMIT, LARGEST
from lic.quantization.float_graph import WIDE, FloatGraph, FloatLayer
from lic.quantization.integers import Prepared, Target
from lic.quantization.quantizer import GraphQuantizer
from lic.quantization.rounding import Rounding, rescaled, round_half_up
from lic.quantization.units import MOVING, limits_of, roots

_COARSEST = 0.9
"""A sum is rescaled by less than one, so its unit must be finer than its result's."""


def prepare(
    quantizer: GraphQuantizer,
    graph: FloatGraph,
    given: Mapping[str, Tensor],
    targets: Mapping[str, Target] | None = None,
    limits: Mapping[str, int] | None = None,
    rounding: Rounding = round_half_up,
) -> list[Prepared]:
    """The integers of all layers.

    Parameters
    ----------
    quantizer
        Units and steps.
    graph
        The whole graph or a smaller one, with bits that the quantizer was made for.
    given
        Units (C,) by value, those of inputs among them.
    targets
        Convolutions by name whose results are outputs in units of their own.
    limits
        The largest magnitude of inputs, by name; 32767 where it is not given.
    rounding
        Of the weights.
    """
    return _Preparation(quantizer, graph, given, targets or {}, limits or {}, rounding).prepared


class _Preparation:
    """One walk over a graph's layers."""

    def __init__(
        self,
        owner: GraphQuantizer,
        graph: FloatGraph,
        given: Mapping[str, Tensor],
        targets: Mapping[str, Target],
        limits: Mapping[str, int],
        rounding: Rounding,
    ) -> None:
        self.owner = owner
        self.layers = graph.layers
        self.given = given
        self.targets = targets
        self.limits = limits
        self.rounding = rounding
        self.first = roots(graph)
        self.by_root = {
            self.first[at]: given[x.name] for at, x in enumerate(self.layers) if x.name in given
        }
        self.shuffles = {
            x.sources[0]: at for at, x in enumerate(self.layers) if x.kind == "shuffle"
        }
        self.prepared: list[Prepared] = []
        for at, layer in enumerate(self.layers):
            self.prepared.append(self._layer(at, layer))

    def _channels(self, layer: FloatLayer) -> int:
        if layer.weight is not None:
            return layer.weight.shape[0 if layer.kind == "convolution" else 2]
        count = len(self.prepared[layer.sources[0]].unit)
        return count // 2 if layer.kind == "gate" else count

    def _unit(self, at: int, channels: int) -> Tensor:
        """The unit of a value that has one of its own."""
        layer, root = self.layers[at], self.first[at]
        if root in self.by_root:
            return self.by_root[root]
        if layer.bits < WIDE:
            return self.owner.narrow_unit(layer)[:channels]
        if at in self.shuffles:
            shuffle = self.shuffles[at]
            places = self.layers[shuffle].factor ** 2
            return self._unit(shuffle, channels // places).repeat(places)
        unit = self.owner.wide_unit(self.layers[root].name)
        if len(unit) == 1:
            return unit.expand(channels)
        if len(unit) == 2 and channels > 2:
            return unit.repeat_interleave(channels // 2)
        return unit[:channels]

    def _layer(self, at: int, layer: FloatLayer) -> Prepared:
        sources = [self.prepared[s] for s in layer.sources]
        if layer.kind == "input":
            unit = self.by_root[self.first[at]]
            largest = float(self.limits.get(layer.name, LARGEST))
            return Prepared(
                unit,
                unit.new_tensor([-largest]).expand(len(unit)),
                unit.new_tensor([largest]).expand(len(unit)),
            )
        if layer.kind in MOVING:
            return self._moved(layer, sources)
        target = self.targets.get(layer.name)
        if layer.kind == "noise":
            target = Target(sources[0].unit)
        if target is None:
            low, high = limits_of(layer)
            gain = None if layer.gain is None else layer.gain.log_gain
            target = Target(self._unit(at, self._channels(layer)), gain, None, low, high)
        unit = target.unit
        limits = unit.new_tensor([[target.low], [target.high]]).expand(2, len(unit))
        bounds = (limits[0], limits[1])
        source = sources[0]
        match layer.kind:
            case "convolution" | "depthwise":
                return Prepared(
                    unit,
                    *bounds,
                    *self._weights(layer, source, target),
                    target.log_gain,
                    target.offset,
                )
            case "gain" | "narrow":
                return Prepared(unit, *bounds, ratio=source.unit / unit, log_gain=target.log_gain)
            case "hard_swish" | "gate":
                value, gate = source.unit[0], source.unit[-1]
                # Finer than a product of its factors' units is of no use, and no multiplier
                # reaches it.
                unit = torch.maximum(unit, value * gate / 5)
                three = round(3 / float(gate))
                return Prepared(unit, *bounds, ratio=value * gate / (6 * unit[0]), three=three)
            case "add":
                return Prepared(unit, *bounds)
            case "noise":
                assert layer.noise is not None
                return replace(source, ratio=layer.noise / source.unit)
        raise ValueError(f"no such kind of layer: {layer.kind}")

    def _moved(self, layer: FloatLayer, sources: list[Prepared]) -> Prepared:
        """Of a layer that only moves numbers."""
        columns = [torch.stack((s.unit, s.low, s.high)) for s in sources]
        joined = torch.cat(columns, dim=1)
        if layer.kind == "unshuffle":
            joined = joined.repeat(1, layer.factor**2)
        elif layer.kind == "shuffle":
            parts = joined.view(3, layer.factor**2, -1)
            joined = torch.stack((parts[0, 0], parts[1].amin(0), parts[2].amax(0)))
        return Prepared(*joined)

    def _weights(
        self, layer: FloatLayer, source: Prepared, target: Target
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Integer weights and biases, and the ratio of a sum's unit to the result's."""
        assert layer.weight is not None
        assert layer.bias is not None
        bias = layer.bias + target.shift
        scaled = (layer.weight * source.unit).to(source.unit.dtype)
        reached: Callable[[Tensor, Tensor], Tensor]
        if layer.kind == "convolution":
            rows, reached = scaled, torch.mv  # (C_out, C_in)
        else:
            rows, reached = scaled.flatten(0, 1).T, _reached_alone  # (C, k k)
        largest = 2 ** (layer.weight_bits - 1) - 1
        with torch.no_grad():
            positive = rows.clamp_min(0)
            negative = rows - positive
            usual = torch.maximum(positive.amax(1), -negative.amin(1)) / largest
            usual = torch.maximum(usual, target.unit * 2.0**-24)  # a channel of zeros
            most = reached(positive, source.high) + reached(negative, source.low) + bias.abs()
            least = reached(positive, source.low) + reached(negative, source.high) - bias.abs()
            # Rounding may add half a unit to each weight.
            halves = rows.new_full((1, rows.shape[1]), 0.5)
            slack = reached(halves, torch.maximum(source.high, -source.low))
            needed = torch.maximum(most, -least) / (ACCUMULATOR_LIMIT - slack - 1)
        step = torch.maximum(self.owner.step(layer) * usual, needed)
        with torch.no_grad():
            # Coarse weights are whole multiples of a finer unit, if the result needs one.
            finest = _COARSEST * target.unit
            if target.log_gain is not None:
                finest = finest / target.log_gain.amax(0).exp().clamp_min(1)
            doublings = torch.ceil(torch.log2(step / finest)).clamp_min(0)
            multiple = 2.0**doublings
        limit = rows.new_tensor(largest)
        integers = rescaled(rows, 1 / step[:, None], None, -limit, limit, self.rounding)
        unit = step / multiple
        weights = integers * multiple[:, None]
        if layer.kind == "depthwise":
            weights = weights.T.reshape(layer.weight.shape)
        return weights, round_half_up(bias / unit), unit / target.unit


def _reached_alone(rows: Tensor, values: Tensor) -> Tensor:
    """What the sums (C,) of channels are if all inputs of one, (C,), are the same."""
    return rows.sum(1) * values
