"""Quantized networks in every executor."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lic.codec.executors import open_executor
from lic.codec.executors.known_answers import known_answers
from lic.integer_networks.layers import Gain
from lic.models.weights_file import load_network
from lic.quantization.aware_training import quantized
from lic.quantization.bits import BitPlan, LayerBits, parse_bits
from lic.quantization.pictures import middle_crops

MIXED = BitPlan(LayerBits(6, 8), LayerBits(8, 8), {"synthesis.head": LayerBits(12, 16)})


@pytest.mark.parametrize("plan", [parse_bits("8"), parse_bits("w4a6"), MIXED])
def test_few_bits_are_the_same_integers_in_every_executor(
    float_file: Callable[[str], Path], pictures: Path, plan: BitPlan
) -> None:
    _, model = load_network(float_file("tiny"))
    network = quantized(model, [plan], middle_crops([pictures], 2)).lower()
    gains = [layer for layer in network.synthesis.layers if isinstance(layer, Gain)]
    assert any(gain.high < 256 for gain in gains)
    answers = [known_answers(open_executor(network, d)) for d in ("reference", "cpu", "torch")]
    assert answers[0] == answers[1] == answers[2]
