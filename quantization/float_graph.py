"""Networks as graphs of the layers that `lic.integer_networks` has in integers.

A torch module's forward pass cannot be asked which value feeds which layer; a `FloatGraph` can. It
is what calibration measures, and what `quantizer` rounds, in training and for good. Its tensors are
those of the modules, with their gradients. Values are (B, h, w, C), as in the integer graph, and
shuffles order channels as there: (row, column, channel).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lic.models.deployable.transforms import BlockShape
from lic.models.layers import Down, QualityGain, TokenMixing, Up
from lic.quantization.bits import BitPlan

WIDE = 16
"""Bits of values that nothing multiplies."""


@dataclass(frozen=True, eq=False)
class FloatLayer:
    """One layer: its kind, its sources' places, and what of the following its kind needs."""

    kind: str
    """input, convolution, depthwise, hard_swish, gate, add, gain, narrow, concatenation, unshuffle,
    shuffle, subsample, mixture, or noise. To narrow is to keep a value in fewer bits; uniform noise
    takes its place while bits are undecided."""
    sources: tuple[int, ...] = ()
    name: str = ""
    """That of the module in the network, or of a place in it; no two layers have the same."""
    weight: Tensor | None = None
    """(C_out, C_in) or (k, k, C)."""
    bias: Tensor | None = None
    rows: Tensor | None = None
    """Which of the module's outputs there are, if not all of them or the first ones."""
    gain: QualityGain | None = None
    """Multiplies a convolution's result, or the source of a gain."""
    relu: bool = False
    swish: bool = False
    """Whether a narrow value is a hard swish's, of which little is negative."""
    weight_bits: int = 0
    bits: int = WIDE
    """Of the value."""
    factor: int = 1
    """Of a shuffle; of a mixture, its number of components."""
    place: tuple[int, int] = (0, 0)
    noise: Tensor | None = None
    """How wide noise is, (C,), in the value's own units."""


Shapes = Mapping[str, BlockShape | None]
"""Blocks by name that are to be smaller than the network's, or absent (None)."""


@dataclass
class FloatGraph:
    """Layers in the order in which they run, and which of them are outputs."""

    plan: BitPlan
    shapes: Shapes = field(default_factory=dict)
    layers: list[FloatLayer] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)

    def add(self, kind: str, *sources: int, **fields: object) -> int:
        """Append a layer; gives its place."""
        self.layers.append(FloatLayer(kind, sources, **fields))  # type: ignore[arg-type]
        return len(self.layers) - 1

    def narrow(self, source: int, layer: str) -> int:
        """A value as the layer of that name reads it: in the bits that the plan gives it."""
        bits, value = self.plan.of(layer).activations, self.layers[source]
        if bits >= WIDE or value.name == "pixels":
            return source
        if value.kind == "depthwise" or value.relu:  # nothing else reads it
            self.layers[source] = replace(value, bits=bits)
            return source
        swish = value.kind == "hard_swish"
        return self.add("narrow", source, name=f"{layer}.input", bits=bits, swish=swish)

    def matrix(self, source: int, name: str, weight: Tensor, bias: Tensor, **fields: object) -> int:
        """A 1x1 convolution by a matrix (C_out, C_in)."""
        bits = self.plan.of(name).weights
        given = {"name": name, "weight": weight, "bias": bias, "weight_bits": bits}
        return self.add("convolution", source, **given, **fields)

    def convolution(
        self, source: int, name: str, conv: nn.Conv2d, gain: QualityGain | None = None
    ) -> int:
        """A 1x1 convolution as the module has it."""
        source = self.narrow(source, name)
        return self.matrix(source, name, conv.weight[:, :, 0, 0], _bias(conv), gain=gain)

    def down(self, source: int, name: str, module: Down, gain: QualityGain | None = None) -> int:
        """`Down`: unshuffle and convolution, the weights' columns in this graph's order."""
        weight = module.conv.weight[:, :, 0, 0]
        cells = weight.reshape(len(weight), -1, module.factor**2).transpose(1, 2).flatten(1)
        source = self.narrow(source, name)
        folded = self.add("unshuffle", source, name=f"{name}.folded", factor=module.factor)
        return self.matrix(folded, name, cells, _bias(module.conv), gain=gain)

    def up(self, source: int, name: str, module: Up) -> int:
        """`Up`: convolution and shuffle, the weights' rows in this graph's order."""
        places = module.factor**2
        weight, bias = (
            t.reshape(-1, places, *t.shape[1:]).transpose(0, 1).flatten(0, 1)
            for t in (module.conv.weight[:, :, 0, 0], _bias(module.conv))
        )
        spread = self.matrix(self.narrow(source, name), name, weight, bias)
        return self.add("shuffle", spread, name=f"{name}.spread", factor=module.factor)

    def token_mixing(self, source: int, name: str, block: TokenMixing) -> int:
        """`TokenMixing`, or what the shapes leave of it: an inner window, the first channels."""
        shape = self.shapes.get(name, _shape(block))
        if shape is None:
            return source
        gated = block.gated

        def matrix(source: int, part: str, weight: Tensor, bias: Tensor, **fields: object) -> int:
            layer = f"{name}.{part}"
            return self.matrix(self.narrow(source, layer), layer, weight, bias, **fields)

        def whole(conv: nn.Conv2d) -> tuple[Tensor, Tensor]:
            return conv.weight[:, :, 0, 0], _bias(conv)

        mixed = matrix(source, "spatial_in", *whole(block.spatial_in), relu=not gated)
        if gated:
            mixed = self.add("hard_swish", mixed, name=f"{name}.swish")
        mixed = self.narrow(mixed, f"{name}.spatial")
        kernel = block.spatial.weight[:, 0].permute(1, 2, 0)
        margin = (len(kernel) - shape.kernel) // 2
        mixed = self.add(
            "depthwise",
            mixed,
            name=f"{name}.spatial",
            weight=kernel[margin : margin + shape.kernel, margin : margin + shape.kernel],
            bias=_bias(block.spatial),
            weight_bits=self.plan.of(f"{name}.spatial").weights,
        )
        mixed = matrix(mixed, "spatial_out", *whole(block.spatial_out))
        source = self.add("add", source, mixed, name=f"{name}.mixed")

        weight, bias = whole(block.channel_in)
        inner, rows = int(shape.expansion * block.spatial.out_channels), None
        if inner < block.channel_out.in_channels:
            rows = torch.arange(inner, device=weight.device)
            if gated:
                rows = torch.cat((rows, rows + len(weight) // 2))
            weight, bias = weight[rows], bias[rows]
        wide = matrix(source, "channel_in", weight, bias, rows=rows, relu=not gated)
        if gated:
            wide = self.add("gate", wide, name=f"{name}.gate")
        weight, bias = whole(block.channel_out)
        wide = matrix(wide, "channel_out", weight[:, :inner], bias)
        return self.add("add", source, wide, name=f"{name}.result")

    def stage(self, source: int, name: str, stage: nn.Sequential) -> int:
        """Token-mixing blocks, `Down` and `Up`, one after the other."""
        for place, module in enumerate(stage):
            inner = f"{name}.{place}"
            match module:
                case TokenMixing():
                    source = self.token_mixing(source, inner, module)
                case Down():
                    source = self.down(source, inner, module)
                case Up():
                    source = self.up(source, inner, module)
        return source

    def run(self, inputs: Sequence[Tensor], quality: Tensor) -> list[Tensor]:
        """All layers' values (B, h, w, C), not rounded, at qualities (B,) in [0, 1].

        Neither narrowing nor noise does anything here.
        """
        given = iter(inputs)
        values: list[Tensor] = []
        for layer in self.layers:
            if layer.kind == "input":
                values.append(next(given))
            else:
                values.append(_compute(layer, [values[s] for s in layer.sources], quality))
        return values


def _shape(block: TokenMixing) -> BlockShape:
    inner, width = block.channel_out.in_channels, block.spatial.out_channels
    return BlockShape(block.spatial.kernel_size[0], inner / width)


def _bias(conv: nn.Conv2d) -> Tensor:
    assert conv.bias is not None
    return conv.bias


def _gain(layer: FloatLayer, quality: Tensor) -> Tensor:
    assert layer.gain is not None
    gains: Tensor = layer.gain(quality)
    return gains.permute(0, 2, 3, 1)


def depthwise(x: Tensor, kernel: Tensor, bias: Tensor | None) -> Tensor:
    """Convolve the channels of x (B, h, w, C) with a kernel (k, k, C), zeros around."""
    filters = kernel.permute(2, 0, 1)[:, None]
    planes = x.permute(0, 3, 1, 2)
    out = F.conv2d(planes, filters, bias, padding=filters.shape[2] // 2, groups=len(filters))
    return out.permute(0, 2, 3, 1)


def rearranged(layer: FloatLayer, sources: Sequence[Tensor]) -> Tensor | None:
    """What a layer that only moves numbers makes of values; None for the others."""
    x = sources[0]
    match layer.kind:
        case "concatenation" | "mixture":
            return torch.cat(list(sources), dim=3)
        case "unshuffle":
            n, (batch, height, width, _) = layer.factor, x.shape
            cells = x.reshape(batch, height // n, n, width // n, n, -1)
            return cells.permute(0, 1, 3, 2, 4, 5).flatten(3)
        case "shuffle":
            n = layer.factor
            cells = x.reshape(*x.shape[:3], n, n, -1).permute(0, 1, 3, 2, 4, 5)
            return cells.flatten(3, 4).flatten(1, 2)
        case "subsample":
            return x[:, layer.place[0] :: 2, layer.place[1] :: 2]
    return None


def _compute(layer: FloatLayer, sources: list[Tensor], quality: Tensor) -> Tensor:
    x = sources[0]
    moved = rearranged(layer, sources)
    if moved is not None:
        return moved
    match layer.kind:
        case "convolution":
            assert layer.weight is not None
            out = F.linear(x, layer.weight, layer.bias)
            out = out if layer.gain is None else out * _gain(layer, quality)
            return out.relu() if layer.relu else out
        case "depthwise":
            assert layer.weight is not None
            return depthwise(x, layer.weight, layer.bias)
        case "hard_swish":
            return F.hardswish(x)
        case "gate":
            value, gate = x.chunk(2, dim=3)
            return value * F.hardsigmoid(gate)
        case "add":
            return x + sources[1]
        case "gain":
            return x * _gain(layer, quality)
        case "narrow" | "noise":
            return x
    raise ValueError(f"no such kind of layer: {layer.kind}")
