"""The parts of a codec as ONNX models of the same integers.

Unlike the graphs of `lic.integer_networks`, they take pixels and symbols, and give what the entropy
coder takes: all arithmetic between files' bytes and pixels but the coder's own is in them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from lic.codec.executors.onnx_model import (
    QUALITY,
    OnnxModel,
    output_mixture,
    put_graph,
)
from lic.integer_networks.codec_network import (
    SIDE_LIMIT,
    SIDE_SCALE,
    STEPS,
    CodecNetwork,
    place,
)
from lic.integer_networks.fixed_point import LARGEST, QUALITY_STEPS
from lic.integer_networks.layers import Mixture
from lic.integer_networks.limits import within_calibration
from lic.integer_networks.values import Multiplier

PICTURE = ("batch", "height", "width", 3)
PLANE = ("batch", "latent_height", "latent_width")
_SIDE_PLANE = ("batch", "side_height", "side_width")
_STEP_PLANE = ("batch", "step_height", "step_width")


def exact_models(network: CodecNetwork) -> dict[str, OnnxModel]:
    """Models by name; each has the input `quality`."""
    makers: dict[str, Callable[[OnnxModel, CodecNetwork], None]] = {
        "analysis": _analysis,
        "targets": _targets,
        "hyper_analysis": _hyper_analysis,
        "side_tables": _side_tables,
        "hyper_synthesis": _hyper_synthesis,
        "place": _place,
        "corrector": _corrector,
        "synthesis": _synthesis,
    }
    models = {}
    for name, make in makers.items():
        models[name] = OnnxModel()
        models[name].quality()
        make(models[name], network)
    for step in range(STEPS):
        models[f"step{step}"] = OnnxModel()
        models[f"step{step}"].quality()
        _step(models[f"step{step}"], network, step)
    return models


def _activations(model: OnnxModel, name: str, channels: int) -> str:
    return model.cast(model.input(name, np.int16, (*PLANE, channels)), np.float64)


def _features(model: OnnxModel, network: CodecNetwork) -> str:
    return _activations(model, "features", network.steps[0].inputs[0].channels)


def _analysis(model: OnnxModel, network: CodecNetwork) -> None:
    pixels = model.cast(model.input("pixels", np.uint8, PICTURE), np.float64)
    centred = model.op("Sub", model.op("Add", pixels, pixels), model.constant(255))
    (latents,) = put_graph(model, within_calibration(network.analysis), [centred])
    model.output("latents", latents, np.int16, (*PLANE, network.latents))


def _targets(model: OnnxModel, network: CodecNetwork) -> None:
    latents = _activations(model, "latents", network.latents)
    targets = model.gained(latents, model.factors(Multiplier(logarithms=network.to_steps)))
    model.output("targets", targets, np.int64, (*PLANE, network.latents))


def _hyper_analysis(model: OnnxModel, network: CodecNetwork) -> None:
    latents = _activations(model, "latents", network.latents)
    (side,) = put_graph(model, network.hyper_analysis, [latents])
    model.output("side", side, np.int32, (*_SIDE_PLANE, network.side_counts.shape[1]))


def _side_tables(model: OnnxModel, network: CodecNetwork) -> None:
    counts = network.side_counts
    numerator = model.op("Mul", QUALITY, model.constant(2 * (len(counts) - 1), np.int64))
    numerator = model.op("Add", numerator, model.constant(QUALITY_STEPS, np.int64))
    level = model.op("Div", numerator, model.constant(2 * QUALITY_STEPS, np.int64))
    rows = model.op("Gather", model.constant(counts, np.int32), level)
    axis = model.constant((0,), np.int64)
    model.output("counts", model.op("Squeeze", rows, axis), np.int32, counts.shape[1:])


def _hyper_synthesis(model: OnnxModel, network: CodecNetwork) -> None:
    shape = (*_SIDE_PLANE, network.side_counts.shape[1])
    side = model.cast(model.input("side", np.int32, shape), np.float64)
    shown = model.op("Mul", model.clip(side, -SIDE_LIMIT, SIDE_LIMIT), model.constant(SIDE_SCALE))
    (features,) = put_graph(model, network.hyper_synthesis, [shown])
    channels = network.steps[0].inputs[0].channels
    model.output("features", features, np.int16, (*PLANE, channels))


def _step(model: OnnxModel, network: CodecNetwork, step: int) -> None:
    graph = network.steps[step]
    inputs = [_features(model, network), _activations(model, "decoded", network.latents)]
    (arrays,) = put_graph(model, graph, inputs[: len(graph.inputs)])
    layer = graph.layers[graph.outputs[0]]
    assert isinstance(layer, Mixture)  # a codec's steps give mixtures
    output_mixture(model, arrays, layer, "")


def _place(model: OnnxModel, network: CodecNetwork) -> None:
    """Decoded latents of a step go to their places among those decoded before."""
    channels = network.latents
    decoded = _activations(model, "decoded", channels)
    step = model.input("step", np.int64, (1,))
    values = model.cast(model.input("values", np.int32, (*_STEP_PLANE, channels)), np.float64)
    factors = model.factors(Multiplier(logarithms=network.from_steps))
    gained = model.clip(model.gained(values, factors), -LARGEST, LARGEST)
    cells = model.op("Concat", *[gained] * 4, axis=3)
    kept = model.unshuffle(decoded, 2, 4 * channels)
    chosen = model.op("Gather", model.constant(_places(channels), np.bool_), step)
    placed = model.shuffle(model.op("Where", chosen, cells, kept), 2, channels)
    model.output("placed", placed, np.int16, (*PLANE, channels))


def _places(channels: int) -> NDArray[np.bool_]:
    """Which of the 4 x channels numbers of a 2x2 cell each step decodes."""
    found = np.zeros((STEPS, 2, 2, channels), np.bool_)
    for step in range(STEPS):
        for group, part in enumerate(np.split(np.arange(channels), STEPS)):
            found[(step, *place(group, step), part)] = True
    return found.reshape(STEPS, 4 * channels)


def _corrector(model: OnnxModel, network: CodecNetwork) -> None:
    features = _features(model, network)
    latents = _activations(model, "decoded", network.latents)
    if network.corrector is not None:
        (addends,) = put_graph(model, network.corrector, [features])
        latents = model.clip(model.op("Add", latents, addends), -LARGEST, LARGEST)
    model.output("latents", latents, np.int16, (*PLANE, network.latents))


def _synthesis(model: OnnxModel, network: CodecNetwork) -> None:
    latents = _activations(model, "latents", network.latents)
    (pixels,) = put_graph(model, network.synthesis, [latents])
    model.output("pixels", pixels, np.uint8, PICTURE)
