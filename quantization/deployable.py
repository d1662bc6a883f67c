"""The default family as float graphs, one for each part that a codec runs.

The parts are those of `lic.models.deployable.model`; `lowering` rounds each to integers.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from lic.models.deployable.context import STEPS, ContextStep, position
from lic.models.deployable.model import Deployable
from lic.models.layers import Down, TokenMixing, Up
from lic.quantization.float_graph import FloatGraph


@dataclass
class FloatParts:
    """The graphs of a codec network."""

    analysis: FloatGraph
    """Pixels - 1/2 (B, H, W, 3) to latents (B, H/16, W/16, M) in their own units."""
    hyper_analysis: FloatGraph
    """Latents to real-valued side information (B, h/4, w/4, Z)."""
    hyper_synthesis: FloatGraph
    """Decoded side information to features (B, h, w, F)."""
    steps: list[FloatGraph]
    """Features, and latents decoded so far if the step sees any, to raw mixtures."""
    corrector: FloatGraph | None
    """Features to what is added to the latents before synthesis."""
    synthesis: FloatGraph
    """Latents to pixels - 1/2."""


def float_parts(model: Deployable) -> FloatParts:
    """The graphs of a network of the default family."""
    analysis = FloatGraph()
    x = analysis.add("input", name="pixels")
    x = analysis.down(x, model.analysis.stem, model.analysis.gain)
    x = analysis.blocks(x, model.analysis.blocks)
    x = analysis.down(x, model.analysis.down)
    analysis.outputs = [analysis.blocks(x, model.analysis.latent_blocks)]

    hyper_analysis = FloatGraph()
    x = hyper_analysis.add("input", name="latents")
    x = hyper_analysis.convolution(x, model.hyper_analysis.stem, model.hyper_analysis.gain)
    hyper_analysis.outputs = [_body(hyper_analysis, x, model.hyper_analysis.body)]

    hyper_synthesis = FloatGraph()
    x = hyper_synthesis.add("input", name="side")
    x = _body(hyper_synthesis, x, model.entropy.synthesis.body)
    hyper_synthesis.outputs = [hyper_synthesis.add("gain", x, gain=model.entropy.synthesis.gain)]

    corrector = None
    if model.entropy.corrector is not None:
        corrector = FloatGraph()
        x = corrector.add("input", name="features")
        corrector.outputs = [corrector.convolution(x, model.entropy.corrector)]

    synthesis = FloatGraph()
    x = synthesis.add("input", name="latents")
    x = synthesis.up(synthesis.blocks(x, model.synthesis.latent_blocks), model.synthesis.up)
    x = synthesis.add(
        "gain", synthesis.blocks(x, model.synthesis.blocks), gain=model.synthesis.gain
    )
    synthesis.outputs = [synthesis.up(x, model.synthesis.head)]

    steps = [_step(model, step) for step in range(STEPS)]
    return FloatParts(analysis, hyper_analysis, hyper_synthesis, steps, corrector, synthesis)


def _body(graph: FloatGraph, source: int, body: nn.Sequential) -> int:
    for module in body:
        match module:
            case TokenMixing():
                source = graph.token_mixing(source, module)
            case Down():
                source = graph.down(source, module)
            case Up():
                source = graph.up(source, module)
    return source


def _step(model: Deployable, step: int) -> FloatGraph:
    module = model.entropy.steps[step]
    assert isinstance(module, ContextStep)
    graph = FloatGraph()
    x = graph.add("input", name="features")
    if module.visible:
        x = graph.add("concatenation", x, graph.add("input", name="decoded"))
    x = graph.blocks(graph.convolution(x, module.fuse), module.blocks)
    heads = []
    for group, head in enumerate(module.heads):
        assert isinstance(head, nn.Conv2d)
        cell = graph.add("subsample", x, place=position(group, step))
        heads.append(graph.convolution(cell, head))
    graph.outputs = [graph.add("mixture", *heads, factor=model.config.components)]
    return graph
