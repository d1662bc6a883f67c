import pytest
import torch
from torch import Tensor

from lic.models.deployable.context import ContextStep
from lic.models.deployable.model import Deployable
from lic.quantization import deployable
from lic.quantization.bits import BitPlan
from lic.quantization.float_graph import FloatGraph


def _last(x: Tensor) -> Tensor:
    return x.permute(0, 2, 3, 1)


@torch.no_grad()
def test_the_graphs_compute_what_the_modules_do(small_model: Deployable) -> None:
    x, quality = torch.rand(2, 3, 64, 128), torch.tensor([0.3, 0.8])
    y = small_model.analysis(x, quality)
    z = small_model.hyper_analysis(y, quality)
    features = small_model.entropy.features(z, quality)
    assert small_model.entropy.corrector is not None
    synthesised = small_model.synthesis(y, quality) - 0.5
    corrector, hyper_synthesis = small_model.entropy.corrector, small_model.entropy.synthesis
    pairs = [
        (deployable.analysis_graph(small_model.analysis, FloatGraph(BitPlan())), x - 0.5, y),
        (deployable.hyper_analysis_graph(small_model.hyper_analysis, FloatGraph(BitPlan())), y, z),
        (deployable.hyper_synthesis_graph(hyper_synthesis, FloatGraph(BitPlan())), z, features),
        (
            deployable.corrector_graph(corrector, FloatGraph(BitPlan())),
            features,
            corrector(features),
        ),
        (deployable.synthesis_graph(small_model.synthesis, FloatGraph(BitPlan())), y, synthesised),
    ]
    for graph, given, expected in pairs:
        result = graph.run([_last(given)], quality)[graph.outputs[0]]
        torch.testing.assert_close(result, _last(expected), rtol=1e-4, atol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("step", range(4))
def test_a_context_step_is_the_modules(small_model: Deployable, step: int) -> None:
    module = small_model.entropy.steps[step]
    assert isinstance(module, ContextStep)
    graph = deployable.step_graph(module, FloatGraph(BitPlan()))
    quality = torch.tensor([0.5])
    features, decoded = torch.randn(1, 16, 8, 12), torch.randn(1, 32, 8, 12)
    expected = small_model.entropy.steps[step](features, decoded)
    inputs = [_last(features), _last(decoded)][: 2 if step else 1]
    result = graph.run(inputs, quality)[graph.outputs[0]]
    parts = result.unflatten(3, (4, expected.shape[1], -1)).permute(0, 4, 3, 5, 1, 2)
    torch.testing.assert_close(parts.flatten(2, 3), expected, rtol=1e-4, atol=1e-4)
