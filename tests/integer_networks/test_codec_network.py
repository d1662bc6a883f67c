from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lic.integer_networks import Graph, GraphError
from lic.integer_networks.codec_network import LATENT_LIMIT, CodecNetwork, gather, scatter
from lic.integer_networks.layers import Input, Shuffle, Unshuffle


def test_steps_take_every_latent_once() -> None:
    latents = np.arange(4 * 6 * 8, dtype=np.int32).reshape(1, 4, 6, 8)
    again = np.full_like(latents, -1)
    for step in range(4):
        part = gather(latents, step)
        assert part.shape == (1, 2, 3, 8)
        scatter(part, step, again)
    assert (again == latents).all()


def changed(graph: Graph, place: int, **fields: Any) -> Graph:
    """A graph with other fields in one layer."""
    layers = list(graph.layers)
    layers[place] = replace(layers[place], **fields)
    return Graph(tuple(layers), graph.outputs)


def test_parts_that_do_not_fit_each_other_are_refused(network: CodecNetwork) -> None:
    counts = network.side_counts.copy()
    counts[0, 0, 1] = counts[0, 0, 2]
    extra = Graph((Input("x", 3), Unshuffle((0,), 2), Shuffle((1,), 2)), (2,))
    for changes in (
        {"steps": network.steps[:3]},
        {"steps": (*network.steps[:3], network.synthesis)},
        {"synthesis": network.analysis},
        {"analysis": changed(network.analysis, 0, low=-254)},
        {"hyper_synthesis": changed(network.hyper_synthesis, 0, high=100)},
        {"analysis": Graph(network.analysis.layers, (*network.analysis.outputs, 0))},
        {"corrector": extra},
        {"to_steps": network.to_steps[:, :-4]},
        {"to_steps": network.to_steps - 2**30},
        {"from_steps": network.from_steps.astype(np.int64)},
        {"from_steps": network.from_steps[:0]},
        {"side_counts": network.side_counts[:, :, :-1]},
        {"side_counts": network.side_counts[:, :, -2:]},
        {"side_counts": counts},
        {"side_counts": np.flip(network.side_counts, axis=2)},
    ):
        with pytest.raises(GraphError):
            replace(network, **changes)  # type: ignore[arg-type]


@given(
    latents=st.lists(st.integers(-LATENT_LIMIT, LATENT_LIMIT), min_size=1, max_size=4),
    quality=st.integers(0, 10000),
)
def test_activations_of_latents_never_leave_16_bits_and_keep_their_sign(
    latents: list[int], quality: int, network: CodecNetwork
) -> None:
    values = np.resize(np.array(latents, np.int32), (1, 1, 1, network.latents))
    shown = network.activations(values, quality).astype(int)
    assert np.abs(shown).max() <= 32767
    assert (shown * values >= 0).all()


def test_latents_that_the_networks_are_shown_are_the_decoded_ones(network: CodecNetwork) -> None:
    decoded = np.random.default_rng(0).integers(-200, 201, (1, 4, 4, network.latents), np.int32)
    for quality in (0, 3333, 10000):
        again = network.targets(network.activations(decoded, quality), quality)
        assert np.abs(again - decoded).max() <= 1


def test_the_side_informations_symbols_are_limited_and_scaled(network: CodecNetwork) -> None:
    symbols = np.array([0, -3, 511, 512, -(2**31), 2**31 - 1])
    limits = [0, -3 * 64, 511 * 64, 511 * 64, -511 * 64, 511 * 64]
    assert network.shown_side(symbols).tolist() == limits
