"""The parts of a codec as ONNX models of the same integers.

Unlike the graphs of `lic.integer_networks`, they take pixels and symbols, and give what the entropy
coder takes: all arithmetic between files' bytes and pixels but the coder's own is in them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from lic.codec.executors.onnx_model import QUALITY, OnnxModel, put_graph
from lic.export.parts import places, signatures
from lic.integer_networks.codec_network import SIDE_LIMIT, SIDE_SCALE, STEPS, CodecNetwork
from lic.integer_networks.fixed_point import LARGEST, QUALITY_STEPS
from lic.integer_networks.limits import within_calibration
from lic.integer_networks.values import Multiplier

_Maker = Callable[..., Sequence[str]]


def exact_models(network: CodecNetwork) -> dict[str, OnnxModel]:
    """Models by name; each has the input `quality`."""
    makers: dict[str, _Maker] = {
        "analysis": _analysis,
        "targets": _targets,
        "hyper_analysis": _hyper_analysis,
        "side_tables": _side_tables,
        "hyper_synthesis": _hyper_synthesis,
        "place": _place,
        "corrector": _corrector,
        "synthesis": _synthesis,
    }
    makers |= {f"step{step}": partial(_step, step=step) for step in range(STEPS)}
    models = {}
    for name, signature in signatures(network).items():
        models[name] = model = OnnxModel()
        model.quality()
        inputs = [model.input(key, *array) for key, array in signature.inputs.items()]
        results = makers[name](model, network, *inputs)
        for (key, array), result in zip(signature.outputs.items(), results, strict=True):
            model.output(key, result, *array)
    return models


def _real(model: OnnxModel, value: str) -> str:
    return model.cast(value, np.float64)


def _analysis(model: OnnxModel, network: CodecNetwork, pixels: str) -> Sequence[str]:
    pixels = _real(model, pixels)
    centred = model.op("Sub", model.op("Add", pixels, pixels), model.constant(255))
    return put_graph(model, within_calibration(network.analysis), [centred])


def _targets(model: OnnxModel, network: CodecNetwork, latents: str) -> Sequence[str]:
    factors = model.factors(Multiplier(logarithms=network.to_steps))
    return [model.gained(_real(model, latents), factors)]


def _hyper_analysis(model: OnnxModel, network: CodecNetwork, latents: str) -> Sequence[str]:
    return put_graph(model, network.hyper_analysis, [_real(model, latents)])


def _side_tables(model: OnnxModel, network: CodecNetwork) -> Sequence[str]:
    counts = network.side_counts
    numerator = model.op("Mul", QUALITY, model.constant(2 * (len(counts) - 1), np.int64))
    numerator = model.op("Add", numerator, model.constant(QUALITY_STEPS, np.int64))
    level = model.op("Div", numerator, model.constant(2 * QUALITY_STEPS, np.int64))
    rows = model.op("Gather", model.constant(counts, np.int32), level)
    return [model.op("Squeeze", rows, model.constant((0,), np.int64))]


def _hyper_synthesis(model: OnnxModel, network: CodecNetwork, side: str) -> Sequence[str]:
    limited = model.clip(_real(model, side), -SIDE_LIMIT, SIDE_LIMIT)
    shown = model.op("Mul", limited, model.constant(SIDE_SCALE))
    return put_graph(model, network.hyper_synthesis, [shown])


def _step(
    model: OnnxModel, network: CodecNetwork, features: str, decoded: str, *, step: int
) -> Sequence[str]:
    graph = network.steps[step]
    inputs = [_real(model, features), _real(model, decoded)]
    (arrays,) = put_graph(model, graph, inputs[: len(graph.inputs)])
    mixture: Sequence[str] = arrays
    return mixture


def _place(
    model: OnnxModel, network: CodecNetwork, decoded: str, values: str, step: str
) -> Sequence[str]:
    """Decoded latents of a step go to their places among those decoded before."""
    channels = network.latents
    factors = model.factors(Multiplier(logarithms=network.from_steps))
    gained = model.clip(model.gained(_real(model, values), factors), -LARGEST, LARGEST)
    cells = model.op("Concat", *[gained] * 4, axis=3)
    kept = model.unshuffle(_real(model, decoded), 2, 4 * channels)
    chosen = model.op("Gather", model.constant(places(channels), np.bool_), step)
    return [model.shuffle(model.op("Where", chosen, cells, kept), 2, channels)]


def _corrector(
    model: OnnxModel, network: CodecNetwork, features: str, decoded: str
) -> Sequence[str]:
    latents = _real(model, decoded)
    if network.corrector is not None:
        (addends,) = put_graph(model, network.corrector, [_real(model, features)])
        latents = model.clip(model.op("Add", latents, addends), -LARGEST, LARGEST)
    return [latents]


def _synthesis(model: OnnxModel, network: CodecNetwork, latents: str) -> Sequence[str]:
    return put_graph(model, network.synthesis, [_real(model, latents)])
