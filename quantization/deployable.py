"""The default family's parts as graphs, one for each part that a codec runs.

The parts are those of `lic.models.deployable.model`. Each function takes the part's module and an
empty graph, which it fills and returns: what is smaller than the module, and how many bits it has,
is up to that graph.
"""

from __future__ import annotations

from torch import nn

from lic.models.deployable.context import ContextStep, position
from lic.models.deployable.transforms import Analysis, HyperAnalysis, HyperSynthesis, Synthesis
from lic.quantization.float_graph import FloatGraph


def analysis_graph(module: Analysis, graph: FloatGraph) -> FloatGraph:
    """Pixels - 1/2 (B, H, W, 3) to latents (B, H/16, W/16, M) in their own units."""
    x = graph.add("input", name="pixels")
    x = graph.down(x, "analysis.stem", module.stem, module.gain)
    x = graph.stage(x, "analysis.blocks", module.blocks)
    x = graph.down(x, "analysis.down", module.down)
    graph.outputs = [graph.stage(x, "analysis.latent_blocks", module.latent_blocks)]
    return graph


def hyper_analysis_graph(module: HyperAnalysis, graph: FloatGraph) -> FloatGraph:
    """Latents to real-valued side information (B, h/4, w/4, Z)."""
    x = graph.add("input", name="latents")
    x = graph.convolution(x, "hyper_analysis.stem", module.stem, module.gain)
    graph.outputs = [graph.stage(x, "hyper_analysis.body", module.body)]
    return graph


def hyper_synthesis_graph(module: HyperSynthesis, graph: FloatGraph) -> FloatGraph:
    """Decoded side information to features (B, h, w, F)."""
    x = graph.add("input", name="side")
    x = graph.stage(x, "entropy.synthesis.body", module.body)
    graph.outputs = [graph.add("gain", x, name="entropy.synthesis.gain", gain=module.gain)]
    return graph


def step_graph(module: ContextStep, graph: FloatGraph) -> FloatGraph:
    """Features, and latents decoded so far if the step sees any, to raw mixtures."""
    name = f"entropy.steps.{module.step}"
    x = graph.add("input", name="features")
    if module.visible:
        decoded = graph.add("input", name="decoded")
        x = graph.add("concatenation", x, decoded, name=f"{name}.seen")
    x = graph.convolution(x, f"{name}.fuse", module.fuse)
    x = graph.narrow(graph.stage(x, f"{name}.blocks", module.blocks), f"{name}.heads")
    heads = []
    for group, head in enumerate(module.heads):
        assert isinstance(head, nn.Conv2d)
        place, inner = position(group, module.step), f"{name}.heads.{group}"
        cell = graph.add("subsample", x, name=f"{inner}.cell", place=place)
        assert head.bias is not None
        heads.append(graph.matrix(cell, inner, head.weight[:, :, 0, 0], head.bias))
    components = (module.outputs - 2) // 3 + 1
    graph.outputs = [graph.add("mixture", *heads, name=f"{name}.mixture", factor=components)]
    return graph


def corrector_graph(module: nn.Conv2d, graph: FloatGraph) -> FloatGraph:
    """Features to what is added to the latents before synthesis."""
    x = graph.add("input", name="features")
    graph.outputs = [graph.convolution(x, "entropy.corrector", module)]
    return graph


def synthesis_graph(module: Synthesis, graph: FloatGraph) -> FloatGraph:
    """Latents to pixels - 1/2."""
    x = graph.add("input", name="latents")
    x = graph.stage(x, "synthesis.latent_blocks", module.latent_blocks)
    x = graph.up(x, "synthesis.up", module.up)
    x = graph.stage(x, "synthesis.blocks", module.blocks)
    x = graph.add("gain", x, name="synthesis.gain", gain=module.gain)
    graph.outputs = [graph.up(x, "synthesis.head", module.head)]
    return graph
