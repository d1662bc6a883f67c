"""A graph in integers, while it is trained: the arithmetic that will be deployed, with gradients.

A value is its integers times a unit, one for each channel. The units of a layer's inputs go into
its weights, so that what remains is a multiplier. `GraphQuantizer` knows the units of a graph's
values and the steps of its weights. Those of values of 16 bits come from calibration and stay;
those of narrower values, and the steps of weights, are learned (LSQ, arXiv 1902.08153), one set for
every number of bits (EQ-Net, arXiv 2308.07650), so that one network can serve several.

`prepare` derives all integers of a graph. `run` computes with them as tensors of whole numbers:
exactly as the lowered graph does in double precision, or in single precision, in which a sum may
round the other way now and then. `lic.quantization.lowering` makes a graph of integers of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from lic.integer_networks.fixed_point import ACCUMULATOR_LIMIT, GAIN_BITS, LARGEST, LOG_BITS
from lic.integer_networks.limits import HEADROOM
from lic.integer_networks.reference import addends, factors
from lic.integer_networks.values import Multiplier
from lic.models.layers import at_quality
from lic.quantization.calibration import Ranges
from lic.quantization.float_graph import WIDE, FloatGraph, FloatLayer, depthwise, rearranged
from lic.quantization.rounding import round_half_up

_SMALLEST = 1e-6
_QUIETEST = 64
"""How many times finer the unit of a value's quietest channel is than that of its loudest."""
_CLIPS = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.22, 0.15, 0.1)
"""Ranges that are tried for narrow values and weights, in units of their maximum."""
_OPEN = 0.8
"""The least range of what a hard sigmoid sees: the integer for 3 must fit in 16 bits."""
_COARSEST = 0.9
"""A sum is rescaled by less than one, so its unit must be finer than its result's."""
_PARTIAL = ("shuffle", "unshuffle", "subsample", "concatenation", "mixture")
_SCALED = ("convolution", "depthwise", "gain")


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


def unit_of(largest: Tensor) -> Tensor:
    """The unit with which values of that magnitude have the usual headroom in 16 bits."""
    return largest.clamp_min(_SMALLEST) * HEADROOM / LARGEST


class GraphQuantizer(nn.Module):
    """The units and steps of a graph, for the bits of one or of several plans.

    Parameters
    ----------
    graphs
        The same graph for each of the plans, whole.
    ranges
        What calibration saw.
    given
        The names of those values whose units `prepare` will be told.
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
                unit = _best_unit(seen, ranges.maxima[source], *_limits(layer))
                self.learned[_key(layer.name, layer.bits)] = nn.Parameter(unit.log())
            if layer.weight_bits and _step_key(layer) not in self.learned:
                assert layer.weight is not None
                columns = (
                    layer.weight.detach().T
                    if layer.kind == "convolution"
                    else layer.weight.detach().flatten(0, 1)
                )
                largest = 2 ** (layer.weight_bits - 1) - 1
                most = columns.abs().amax(0).clamp_min(_SMALLEST) / largest
                best = _least_error(columns, most, -largest, largest)
                self.learned[_step_key(layer)] = nn.Parameter((best / most).log())

    def prepare(
        self,
        graph: FloatGraph,
        given: Mapping[str, Tensor],
        targets: Mapping[str, Target] | None = None,
        limits: Mapping[str, int] | None = None,
        rounding: Callable[[Tensor], Tensor] = round_half_up,
    ) -> list[Prepared]:
        """The integers of all layers.

        Parameters
        ----------
        graph
            The whole graph or a smaller one, with bits that this object was made for.
        given
            Units (C,) by value, those of inputs among them.
        targets
            Convolutions by name whose results are outputs in units of their own.
        limits
            The largest magnitude of inputs, by name; 32767 where it is not given.
        rounding
            Of the weights.
        """
        return _Preparation(self, graph, given, targets or {}, limits or {}, rounding).prepared

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


def _limits(layer: FloatLayer) -> tuple[int, int]:
    """The least and the largest integer of a layer's value by its bits."""
    if layer.bits >= WIDE:
        return (0 if layer.relu else -LARGEST), LARGEST
    if layer.relu:
        return 0, 2**layer.bits - 1
    if layer.swish:
        low = -(2 ** (layer.bits - 3))
        return low, low + 2**layer.bits - 1
    return 1 - 2 ** (layer.bits - 1), 2 ** (layer.bits - 1) - 1


def roots(graph: FloatGraph) -> list[int]:
    """For each value, the first of those that share its unit because they are added."""
    found = list(range(len(graph.layers)))

    def root(at: int) -> int:
        while found[at] != at:
            at = found[at]
        return at

    for at, layer in enumerate(graph.layers):
        if layer.kind == "add":
            first, second = sorted(map(root, layer.sources))
            found[second] = found[at] = first
    return [root(at) for at in range(len(graph.layers))]


def fixed_units(graph: FloatGraph, ranges: Ranges) -> dict[str, Tensor]:
    """The units of all values of 16 bits that have one of their own, by their names.

    A pointwise function needs one unit for all channels, and a gate one for each half of its
    source; all others have one for each channel, which costs nothing and keeps quiet ones precise.
    """
    layers = graph.layers
    first = roots(graph)
    units: dict[str, Tensor] = {}
    for at, layer in enumerate(layers):
        if first[at] != at or layer.kind in ("narrow", "noise", *_PARTIAL[1:]):
            continue
        members = [ranges.maxima[layers[i].name] for i in range(len(layers)) if first[i] == at]
        largest = torch.stack(members).amax(0).clamp_min(_SMALLEST)
        readers = {reader.kind for reader in layers if at in reader.sources}
        if "gate" in readers:
            largest = largest.view(2, -1).amax(1).clamp_min(_OPEN)
        elif "hard_swish" in readers:
            largest = largest.amax(0, keepdim=True).clamp_min(_OPEN)
        elif layer.kind in ("hard_swish", "gate"):
            largest = largest.amax(0, keepdim=True)
        else:
            # A channel that calibration found quiet may be loud on other pictures.
            largest = torch.maximum(largest, largest.amax() / _QUIETEST)
        units[layer.name] = unit_of(largest)
    return units


def _best_unit(seen: Tensor, largest: Tensor, low: int, high: int) -> Tensor:
    """The unit (C,) with which samples (n, C) have the least squared error between the limits."""
    most = torch.maximum(largest, largest.amax() / _QUIETEST).clamp_min(_SMALLEST) / high
    return _least_error(seen, most, low, high)


def _least_error(values: Tensor, most: Tensor, low: int, high: int) -> Tensor:
    """Of some fractions of ``most`` (C,), the one that rounds the values (n, C) best."""
    units = torch.stack([most * clip for clip in _CLIPS])
    rounded = [(values / unit).round().clamp(low, high) * unit for unit in units]
    errors = torch.stack([(r - values).square().mean(0) for r in rounded])
    best: Tensor = units.gather(0, errors.argmin(0)[None])[0]
    return best


class _Preparation:
    """One walk over a graph's layers."""

    def __init__(
        self,
        owner: GraphQuantizer,
        graph: FloatGraph,
        given: Mapping[str, Tensor],
        targets: Mapping[str, Target],
        limits: Mapping[str, int],
        rounding: Callable[[Tensor], Tensor],
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
        if layer.kind in _PARTIAL:
            return self._moved(layer, sources)
        target = self.targets.get(layer.name)
        if layer.kind == "noise":
            target = Target(sources[0].unit)
        if target is None:
            low, high = _limits(layer)
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
        if layer.kind == "convolution":
            rows, low, high = scaled, source.low, source.high  # (C_out, C_in)
        else:
            rows = scaled.flatten(0, 1).T  # (C, k k)
            low, high = source.low[:, None], source.high[:, None]
        largest = 2 ** (layer.weight_bits - 1) - 1
        with torch.no_grad():
            usual = rows.abs().amax(1) / largest
            usual = torch.maximum(usual, target.unit * 2.0**-24)  # a channel of zeros
            most = torch.maximum(rows * low, rows * high).sum(1) + bias.abs()
            least = torch.minimum(rows * low, rows * high).sum(1) - bias.abs()
            # Rounding may add half a unit to each weight.
            slack = 0.5 * torch.maximum(high, -low).expand(rows.shape).sum(1)
            needed = torch.maximum(most, -least) / (ACCUMULATOR_LIMIT - slack - 1)
        step = torch.maximum(self.owner.step(layer) * usual, needed)
        with torch.no_grad():
            # Coarse weights are whole multiples of a finer unit, if the result needs one.
            finest = _COARSEST * target.unit
            if target.log_gain is not None:
                finest = finest / target.log_gain.amax(0).exp().clamp_min(1)
            doublings = torch.ceil(torch.log2(step / finest)).clamp_min(0)
            multiple = 2.0**doublings
        integers = self.rounding(rows / step[:, None]).clamp(-largest, largest)
        unit = step / multiple
        weights = integers * multiple[:, None]
        if layer.kind == "depthwise":
            weights = weights.T.reshape(layer.weight.shape)
        return weights, round_half_up(bias / unit), unit / target.unit


def run(
    graph: FloatGraph,
    prepared: Sequence[Prepared],
    inputs: Sequence[Tensor],
    quality: Tensor,
    rounding: Callable[[Tensor], Tensor] = round_half_up,
) -> list[Tensor]:
    """The values of a graph, as whole numbers (B, h, w, C), for inputs of whole numbers.

    In double precision they are those of the lowered graph; all of ``quality`` (B,), in [0, 1],
    must then be the same multiple of 1/10000. ``rounding`` is that of narrow values.
    """
    given = iter(inputs)
    values: list[Tensor] = []
    for layer, made in zip(graph.layers, prepared, strict=True):
        if layer.kind == "input":
            values.append(next(given))
            continue
        sources = [values[s] for s in layer.sources]
        moved = rearranged(layer, sources)
        chosen = rounding if layer.bits < WIDE else round_half_up
        values.append(_computed(layer, made, sources, quality, chosen) if moved is None else moved)
    return values


def _computed(
    layer: FloatLayer,
    made: Prepared,
    sources: list[Tensor],
    quality: Tensor,
    rounding: Callable[[Tensor], Tensor],
) -> Tensor:
    x = sources[0]
    if layer.kind in ("hard_swish", "gate"):
        value, gate = x.chunk(2, dim=3) if layer.kind == "gate" else (x, x)
        opened = (gate + made.three).clamp(0, 2 * made.three)
        total, scale, offset = value * opened, _factor(layer, made, quality), None
    elif layer.kind == "noise":
        return x + made.ratio * (torch.rand_like(x) - 0.5)  # type: ignore[operator]
    elif layer.kind == "add":
        return (x + sources[1]).clamp(-LARGEST, LARGEST)
    else:
        scale, offset = _factor(layer, made, quality), _offset(layer, made, quality)
        if layer.kind == "convolution":
            total = F.linear(x, made.weights, made.bias)  # type: ignore[arg-type]
        elif layer.kind == "depthwise":
            total = depthwise(x, made.weights, made.bias)  # type: ignore[arg-type]
        else:
            total = x
    result = rounding(total * scale)
    if offset is not None:
        result = result + offset
    return result.clamp(made.low, made.high)


def _factor(layer: FloatLayer, made: Prepared, quality: Tensor) -> Tensor:
    """What sums are multiplied by: (C,), or (B, 1, 1, C)."""
    assert made.ratio is not None
    if quality.dtype == torch.float64:
        one = 2.0 ** (GAIN_BITS if layer.kind in ("gain", "narrow") else 31)
        if made.log_gain is None:
            return torch.floor(made.ratio * one + 0.5) / one
        exact = factors(made.multiplier(layer.kind), _steps(quality))
        return torch.from_numpy(exact).to(quality) / one
    if made.log_gain is None:
        return made.ratio
    return made.ratio * at_quality(made.log_gain, quality).exp()[:, None, None, :]


def _offset(layer: FloatLayer, made: Prepared, quality: Tensor) -> Tensor | None:
    if made.offset is None:
        return None
    if quality.dtype == torch.float64:
        exact = np.asarray(addends(made.multiplier(layer.kind), _steps(quality)))
        return torch.from_numpy(exact).to(quality)
    return at_quality(made.offset, quality)[:, None, None, :]


def _steps(quality: Tensor) -> int:
    return round(float(quality[0]) * 10000)
