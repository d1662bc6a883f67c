"""Computing with a graph's integers in torch, as the lowered graph does."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from lic.integer_networks.fixed_point import GAIN_BITS, LARGEST
from lic.integer_networks.reference import addends, factors
from lic.models.layers import at_quality
from lic.quantization.float_graph import WIDE, FloatGraph, FloatLayer, depthwise, rearranged
from lic.quantization.integers import Prepared
from lic.quantization.rounding import Rounding, rescaled, round_half_up


def run(
    graph: FloatGraph,
    prepared: Sequence[Prepared],
    inputs: Sequence[Tensor],
    quality: Tensor,
    rounding: Rounding = round_half_up,
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
    rounding: Rounding,
) -> Tensor:
    x = sources[0]
    if layer.kind in ("hard_swish", "gate"):
        value, gate = x.chunk(2, dim=3) if layer.kind == "gate" else (x, x)
        opened = F.hardtanh(gate + made.three, 0, 2 * made.three)
        total, scale, offset = value * opened, _factor(layer, made, quality), None
    elif layer.kind == "noise":
        return x + made.ratio * (torch.rand_like(x) - 0.5)  # type: ignore[operator]
    elif layer.kind == "add":
        return F.hardtanh(x + sources[1], -LARGEST, LARGEST)
    else:
        scale, offset = _factor(layer, made, quality), _offset(layer, made, quality)
        if layer.kind == "convolution":
            total = F.linear(x, made.weights, made.bias)  # type: ignore[arg-type]
        elif layer.kind == "depthwise":
            total = depthwise(x, made.weights, made.bias)  # type: ignore[arg-type]
        else:
            total = x
    return rescaled(total, scale, offset, made.low, made.high, rounding)


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
