"""Float networks as graphs of the layers that `lic.integer_networks` has in integers.

A torch module's forward pass cannot be asked which value feeds which layer; a `FloatGraph` can. It
is what calibration measures and lowering rounds. Values are (B, h, w, C), as in the integer graph,
and shuffles order channels as there: (row, column, channel).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lic.models.layers import Down, QualityGain, TokenMixing, Up


@dataclass(frozen=True, eq=False)
class FloatLayer:
    """One layer: its kind, its sources' places, and what of the following its kind needs."""

    kind: str
    """input, convolution, depthwise, hard_swish, gate, add, gain, concatenation, unshuffle,
    shuffle, subsample or mixture."""
    sources: tuple[int, ...] = ()
    name: str = ""
    """Of an input."""
    weight: Tensor | None = None
    """(C_out, C_in) or (k, k, C)."""
    bias: Tensor | None = None
    gain: QualityGain | None = None
    """Multiplies a convolution's result, or the source of a gain."""
    relu: bool = False
    factor: int = 1
    """Of a shuffle; of a mixture, its number of components."""
    place: tuple[int, int] = (0, 0)


@dataclass
class FloatGraph:
    """Layers in the order in which they run, and which of them are outputs."""

    layers: list[FloatLayer] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)

    def add(self, kind: str, *sources: int, **fields: object) -> int:
        """Append a layer; gives its place."""
        self.layers.append(FloatLayer(kind, sources, **fields))  # type: ignore[arg-type]
        return len(self.layers) - 1

    def convolution(
        self, source: int, conv: nn.Conv2d, gain: QualityGain | None = None, relu: bool = False
    ) -> int:
        """A 1x1 convolution as the module has it."""
        weight, bias = conv.weight.detach()[:, :, 0, 0], _bias(conv)
        return self.add("convolution", source, weight=weight, bias=bias, gain=gain, relu=relu)

    def down(self, source: int, module: Down, gain: QualityGain | None = None) -> int:
        """`Down`: unshuffle and convolution, the weights' columns in this graph's order."""
        weight = module.conv.weight.detach()[:, :, 0, 0]
        cells = weight.reshape(len(weight), -1, module.factor**2).transpose(1, 2).flatten(1)
        folded = self.add("unshuffle", source, factor=module.factor)
        return self.add("convolution", folded, weight=cells, bias=_bias(module.conv), gain=gain)

    def up(self, source: int, module: Up) -> int:
        """`Up`: convolution and shuffle, the weights' rows in this graph's order."""
        places = module.factor**2
        weight, bias = (
            t.reshape(-1, places, *t.shape[1:]).transpose(0, 1).flatten(0, 1)
            for t in (module.conv.weight.detach()[:, :, 0, 0], _bias(module.conv))
        )
        spread = self.add("convolution", source, weight=weight, bias=bias)
        return self.add("shuffle", spread, factor=module.factor)

    def token_mixing(self, source: int, block: TokenMixing) -> int:
        """`TokenMixing`."""
        mixed = self.convolution(source, block.spatial_in, relu=not block.gated)
        if block.gated:
            mixed = self.add("hard_swish", mixed)
        kernel = block.spatial.weight.detach()[:, 0].permute(1, 2, 0)
        mixed = self.add("depthwise", mixed, weight=kernel, bias=_bias(block.spatial))
        source = self.add("add", source, self.convolution(mixed, block.spatial_out))
        wide = self.convolution(source, block.channel_in, relu=not block.gated)
        if block.gated:
            wide = self.add("gate", wide)
        return self.add("add", source, self.convolution(wide, block.channel_out))

    def blocks(self, source: int, stage: nn.Sequential) -> int:
        """A row of token-mixing blocks."""
        for block in stage:
            assert isinstance(block, TokenMixing)
            source = self.token_mixing(source, block)
        return source

    @torch.no_grad()
    def run(self, inputs: Sequence[Tensor], quality: Tensor) -> list[Tensor]:
        """All layers' values (B, h, w, C) for inputs of that shape at qualities (B,) in [0, 1]."""
        given = iter(inputs)
        values: list[Tensor] = []
        for layer in self.layers:
            if layer.kind == "input":
                values.append(next(given))
            else:
                values.append(_compute(layer, [values[s] for s in layer.sources], quality))
        return values


def _bias(conv: nn.Conv2d) -> Tensor:
    assert conv.bias is not None
    return conv.bias.detach()


def _gain(layer: FloatLayer, quality: Tensor) -> Tensor:
    assert layer.gain is not None
    gains: Tensor = layer.gain(quality)
    return gains.permute(0, 2, 3, 1)


def _compute(layer: FloatLayer, sources: list[Tensor], quality: Tensor) -> Tensor:
    x = sources[0]
    match layer.kind:
        case "convolution":
            assert layer.weight is not None
            out = F.linear(x, layer.weight, layer.bias)
            out = out if layer.gain is None else out * _gain(layer, quality)
            return out.relu() if layer.relu else out
        case "depthwise":
            assert layer.weight is not None
            kernel = layer.weight.permute(2, 0, 1)[:, None]
            out = F.conv2d(
                x.permute(0, 3, 1, 2),
                kernel,
                layer.bias,
                padding=kernel.shape[2] // 2,
                groups=len(kernel),
            )
            return out.permute(0, 2, 3, 1)
        case "hard_swish":
            return F.hardswish(x)
        case "gate":
            value, gate = x.chunk(2, dim=3)
            gated: Tensor = value * F.hardsigmoid(gate)
            return gated
        case "add":
            return x + sources[1]
        case "gain":
            return x * _gain(layer, quality)
        case "concatenation" | "mixture":
            return torch.cat(sources, dim=3)
        case "unshuffle":
            n, (batch, height, width, _) = layer.factor, x.shape
            cells = x.reshape(batch, height // n, n, width // n, n, -1)
            return cells.permute(0, 1, 3, 2, 4, 5).flatten(3)
        case "shuffle":
            n = layer.factor
            cells = x.reshape(*x.shape[:3], n, n, -1).permute(0, 1, 3, 2, 4, 5)
            return cells.flatten(3, 4).flatten(1, 2)
        case "subsample":
            cell: Tensor = x[:, layer.place[0] :: 2, layer.place[1] :: 2]
            return cell
    raise ValueError(f"no such kind of layer: {layer.kind}")
