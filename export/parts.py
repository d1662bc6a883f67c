"""The parts of an exported codec: who needs them, and what each takes and gives, in any format."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lic.integer_networks.codec_network import STEPS, CodecNetwork, place
from lic.integer_networks.layers import Mixture

PICTURE = ("batch", "height", "width", 3)
PLANE = ("batch", "latent_height", "latent_width")
_SIDE_PLANE = ("batch", "side_height", "side_width")
_STEP_PLANE = ("batch", "step_height", "step_width")
QUALITY = "quality"
"""The name of an input of all parts, int64 of shape (1,): 0 to 10000."""


class Array(NamedTuple):
    """The type and the axes of an array; axes with names are free."""

    type: type[np.generic]
    shape: tuple[int | str, ...]

    def described(self) -> dict[str, Any]:
        """As a manifest has it."""
        return {"type": np.dtype(self.type).name, "shape": list(self.shape)}


class Signature(NamedTuple):
    """What a part takes besides quality, and what it gives, in order."""

    role: str
    """encoder, decoder or both: who needs it."""
    inputs: dict[str, Array]
    outputs: dict[str, Array]

    def described(self) -> dict[str, Any]:
        """As a manifest has it."""
        inputs = {QUALITY: Array(np.int64, (1,)), **self.inputs}
        return {
            "for": self.role,
            "inputs": {name: array.described() for name, array in inputs.items()},
            "outputs": {name: array.described() for name, array in self.outputs.items()},
        }


@dataclass(frozen=True)
class Target:
    """A format of exported parts."""

    suffix: str
    versions: dict[str, Any]
    """Of the format, for the manifest."""
    files: Callable[[CodecNetwork, str, dict[str, str]], Iterator[tuple[str, str, bytes]]]
    """Form, part and bytes of each file, for a network, its id, and metadata to keep in files."""


def signatures(network: CodecNetwork) -> dict[str, Signature]:
    """All parts by name."""

    def plane(channels: int) -> Array:
        return Array(np.int16, (*PLANE, channels))

    side = Array(np.int32, (*_SIDE_PLANE, network.side_counts.shape[1]))
    features, latents = (
        plane(channels) for channels in (network.steps[0].inputs[0].channels, network.latents)
    )
    pixels, cells = Array(np.uint8, PICTURE), (*_STEP_PLANE, network.latents)
    step = {"features": features, "decoded": latents}
    found = {
        "analysis": Signature("encoder", {"pixels": pixels}, {"latents": latents}),
        "targets": Signature(
            "encoder", {"latents": latents}, {"targets": Array(np.int64, latents.shape)}
        ),
        "hyper_analysis": Signature("encoder", {"latents": latents}, {"side": side}),
        "side_tables": Signature(
            "both", {}, {"counts": Array(np.int32, network.side_counts.shape[1:])}
        ),
        "hyper_synthesis": Signature("both", {"side": side}, {"features": features}),
        "place": Signature(
            "both",
            {
                "decoded": latents,
                "values": Array(np.int32, cells),
                "step": Array(np.int64, (1,)),
            },
            {"placed": latents},
        ),
        "corrector": Signature("decoder", step, {"latents": latents}),
        "synthesis": Signature("decoder", {"latents": latents}, {"pixels": pixels}),
    }
    for number, graph in enumerate(network.steps):
        layer = graph.layers[graph.outputs[0]]
        assert isinstance(layer, Mixture)  # a codec's steps give mixtures
        components = (cells[0], layer.components, *cells[1:])
        mixture = {
            "centres": Array(np.int32, cells),
            "logits": Array(np.int8, components),
            "means": Array(np.int16, components),
            "scales": Array(np.uint8, components),
        }
        found[f"step{number}"] = Signature("both", step, mixture)
    return found


def places(channels: int) -> NDArray[np.bool_]:
    """Which of the 4 x channels numbers of a 2x2 cell each step decodes, (STEPS, 4 x channels)."""
    found = np.zeros((STEPS, 2, 2, channels), np.bool_)
    for step in range(STEPS):
        for group, part in enumerate(np.split(np.arange(channels), STEPS)):
            found[(step, *place(group, step), part)] = True
    return found.reshape(STEPS, 4 * channels)
