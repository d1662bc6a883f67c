"""What annealing knows of networks is what files will cost and show."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from lic.codec import layering
from lic.codec.executors import open_executor
from lic.codec.latent_coding import encode_latents
from lic.codec.weights import Weights
from lic.integer_networks.codec_network import CodecNetwork
from lic.integer_networks.graph import MixtureArrays
from lic.integer_networks.layers import Add, Gain, Gate, HardSwish, Input
from lic.integer_networks.reference import run

torch = pytest.importorskip("torch", reason="needs the extra torch")
from lic.codec.executors.relaxed import RelaxedGraph  # noqa: E402  # needs torch
from lic.codec.gradients import IntegerGradients, gradients_of  # noqa: E402
from lic.models.mixture import Mixture  # noqa: E402

from ..integer_networks.graphs import Builder, inputs_of  # noqa: E402

Pixels = NDArray[np.uint8]


def first(array: NDArray[np.generic]) -> torch.Tensor:
    """(B, h, w, C) to (B, C, h, w) in float32."""
    return torch.from_numpy(np.moveaxis(array, 3, 1).astype(np.float32))


def last(tensor: torch.Tensor) -> NDArray[np.float32]:
    """The inverse."""
    return np.moveaxis(tensor.numpy(), 1, 3)


@pytest.mark.parametrize("quality", [0, 4321, 10000])
@pytest.mark.parametrize("name", ["convolution", "depthwise", "gate", "hard swish", "gain", "add"])
def test_a_layer_without_rounding_is_half_a_unit_from_the_integers(name: str, quality: int) -> None:
    builder = Builder(quality, Input("x", 6))
    if name == "convolution":
        builder.convolution(0, 8)
    elif name == "depthwise":
        builder.depthwise(0, 5)
    else:
        builder.add(
            {
                "gate": Gate((0,), 900, 3000),
                "hard swish": HardSwish((0,), 900, 3000),
                "gain": Gain((0,), builder.gain(0)),
                "add": Add((0, 0)),
            }[name]
        )
    graph = builder.graph(1)
    inputs = inputs_of(graph, 2, 6, 10)
    (expected,) = run(graph, inputs, quality)
    found = last(RelaxedGraph(graph, quality)(*map(first, inputs)))
    assert np.abs(found - expected).max() <= 0.5 + 1e-5 * np.abs(expected).max()


@pytest.mark.parametrize("quality", [1000, 9000])
def test_a_networks_graphs_without_rounding_give_nearly_its_integers(
    network: CodecNetwork, quality: int
) -> None:
    random = np.random.default_rng(quality)
    features = random.integers(-3000, 3000, (1, 8, 8, network.steps[0].inputs[0].channels))
    decoded = random.integers(-3000, 3000, (1, 8, 8, network.latents))
    for graph, arrays in (
        (network.synthesis, [decoded]),
        (network.hyper_analysis, [decoded]),
        *((step, [features, decoded][: len(step.inputs)]) for step in network.steps),
    ):
        (expected,) = run(graph, tuple(a.astype(np.int16) for a in arrays), quality)
        found = RelaxedGraph(graph, quality)(*map(first, arrays))
        if isinstance(expected, MixtureArrays):
            assert isinstance(found, Mixture)
            centres, logits, means, scales = expected
            for integers, value in (
                (centres, found.centre * 64),
                (means, found.offsets * 64),
                (scales, torch.from_numpy(found.scale_indices())),
                (logits - 127.0, (found.logits - found.logits.amax(1, keepdim=True)) * 16),
            ):
                shown = value.numpy().reshape(*integers.shape[:-3], -1)
                moved = np.moveaxis(integers, -1, -3).reshape(shown.shape)
                inside = moved > -254.0
                error = np.abs(shown - moved)[inside]
                assert error.mean() < 0.02 * np.abs(moved).max() + 0.5
        else:
            error = np.abs(last(found) - expected)
            assert error.mean() < 0.01 * np.abs(expected).max() + 0.3


@pytest.mark.parametrize("quality", [2000, 8000])
def test_the_cost_of_rounded_latents_is_that_of_the_file(
    tiny_weights: Weights, budgie: Pixels, quality: int
) -> None:
    executor = tiny_weights.executor
    network = gradients_of(executor, quality)
    pixels = budgie[100:228, 100:228]
    latents = executor.analyse(pixels[None], quality)
    targets = executor.targets(latents, quality)
    y, z = first(targets) / 64, network.side(first(latents))
    bits = [network.side_bits(z.round())]

    def rounded(step: int, mixture: Mixture) -> torch.Tensor:
        symbols = mixture.select((network.gather(y, step) - mixture.centre).round())
        bits.append(-mixture.likelihood(symbols).log2().sum())
        return symbols + mixture.centre

    shown = network.synthesis(network.path(z.round(), rounded))
    side = np.rint(last(z)).astype(np.int32)
    (stream,), decoded = encode_latents(executor, targets, side, quality, 0)
    assert 8 * len(stream) == pytest.approx(float(torch.stack(bits).sum()), rel=0.02, abs=80)
    expected = executor.synthesise(decoded, quality)
    assert np.abs(last(shown) - expected).mean() < 2


def test_bits_of_side_information_are_linear_between_symbols(network: CodecNetwork) -> None:
    gradients = IntegerGradients(open_executor(network), 5000)
    counts = network.side_counts[network.side_level(5000)]
    side = torch.zeros(1, len(counts), 1, 1)
    middle = counts.shape[1] // 2 - 1
    low, high = (np.log2(2**16 / np.diff(counts)[:, middle + i]).sum() for i in (0, 1))
    assert float(gradients.side_bits(side)) == pytest.approx(low, rel=1e-5)
    assert float(gradients.side_bits(side + 0.25)) == pytest.approx(
        0.75 * low + 0.25 * high, rel=1e-5
    )
    far = float(gradients.side_bits(side + 1000))
    assert np.isfinite(far)
    assert far == float(gradients.side_bits(side + 2000))


def test_networks_of_integers_trade_as_the_residual_layer_does(network: CodecNetwork) -> None:
    trade_off = IntegerGradients(open_executor(network), 0).trade_off
    assert trade_off == pytest.approx(0.0008)
    assert trade_off == 3 / layering.bit_worth(0)
