"""How many bits the weights and the inputs of each layer have.

A layer is a 1x1 or a depthwise convolution, by its name in the network, such as
``synthesis.blocks.2.channel_out``. What lies between layers (residual streams, the arguments of
pointwise functions, latents) has 16 bits always: nothing multiplies it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lic.quantization.errors import QuantizationError

WEIGHT_BITS = range(3, 17)
ACTIVATION_BITS = range(4, 17)
SEVERAL = ("w12a16", "w8a16", "w8a8", "w6a8", "w4a8")
"""Bits that one network can serve, the most first."""
ENTROPY_PATH = "entropy"
"""What the names of the entropy path's layers begin with."""


@dataclass(frozen=True)
class LayerBits:
    """Bits of a layer's weights, 3 to 16, and of the activations that it reads, 4 to 16."""

    weights: int
    activations: int = 16

    def __post_init__(self) -> None:
        if self.weights not in WEIGHT_BITS or self.activations not in ACTIVATION_BITS:
            raise QuantizationError(
                f"weights have 3 to 16 bits and activations 4 to 16, not "
                f"{self.weights} and {self.activations}"
            )


@dataclass(frozen=True)
class BitPlan:
    """The bits of every layer: those of a kind, but for the layers that are named."""

    transforms: LayerBits = LayerBits(12)
    entropy: LayerBits = LayerBits(8)
    layers: Mapping[str, LayerBits] = field(default_factory=dict)
    """By a layer's name, or by that of a module around it; the longest name counts."""

    def of(self, layer: str) -> LayerBits:
        """The bits of a layer."""
        name = layer
        while name:
            if name in self.layers:
                return self.layers[name]
            name = name.rpartition(".")[0]
        return self.entropy if layer.startswith(ENTROPY_PATH) else self.transforms

    def to_values(self) -> dict[str, Any]:
        """The plan for JSON."""
        pairs = {name: [b.weights, b.activations] for name, b in sorted(self.layers.items())}
        kinds = {name: getattr(self, name) for name in ("transforms", "entropy")}
        return {name: [b.weights, b.activations] for name, b in kinds.items()} | {"layers": pairs}

    @classmethod
    def from_values(cls, values: Any) -> BitPlan:
        """A plan that was read from JSON; raises QuantizationError if it is none."""
        try:
            layers = {str(name): LayerBits(*bits) for name, bits in values["layers"].items()}
            return cls(LayerBits(*values["transforms"]), LayerBits(*values["entropy"]), layers)
        except (KeyError, TypeError, AttributeError) as error:
            raise QuantizationError("this is no plan of bits") from error


def parse_several(text: str) -> dict[str, BitPlan]:
    """Plans by their names in a text, with commas between them; or `SEVERAL` of them for ``any``.

    Raises QuantizationError as `parse_bits`.
    """
    names = SEVERAL if text == "any" else text.split(",")
    return {name: parse_bits(name) for name in names}


def parse_bits(text: str) -> BitPlan:
    """The plan that a text stands for.

    ``default``; ``8`` for 8-bit weights and 8-bit activations in all layers; or ``w8a16`` for other
    numbers. Raises QuantizationError if it is none of them.
    """
    if text == "default":
        return BitPlan()
    match = re.fullmatch(r"w?(\d+)(?:a(\d+))?", text)
    if match:
        weights, activations = match[1], match[2] or match[1]
        same = LayerBits(int(weights), int(activations))
        return BitPlan(same, same)
    raise QuantizationError(f"{text!r} is no number of bits, such as 8 or w6a8, and no file")
