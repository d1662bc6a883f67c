from __future__ import annotations

import pytest

from lic.quantization.bits import BitPlan, LayerBits, parse_bits
from lic.quantization.errors import QuantizationError


def test_a_layer_has_the_bits_of_the_nearest_module_that_is_named() -> None:
    named = {"synthesis.blocks.1": LayerBits(6, 8), "synthesis.blocks.1.spatial": LayerBits(10)}
    plan = BitPlan(layers=named)
    assert plan.of("synthesis.blocks.1.channel_in") == LayerBits(6, 8)
    assert plan.of("synthesis.blocks.1.spatial") == LayerBits(10)
    assert plan.of("synthesis.blocks.10.spatial") == plan.transforms
    assert plan.of("entropy.steps.0.fuse") == plan.entropy


def test_a_plan_survives_the_way_to_json() -> None:
    plan = BitPlan(LayerBits(6, 8), LayerBits(4, 12), {"analysis.stem": LayerBits(12)})
    assert BitPlan.from_values(plan.to_values()) == plan


@pytest.mark.parametrize(
    ("text", "bits"), [("8", (8, 8)), ("w6a10", (6, 10)), ("12", (12, 12)), ("w4", (4, 4))]
)
def test_a_text_stands_for_the_same_bits_everywhere(text: str, bits: tuple[int, int]) -> None:
    assert (
        parse_bits(text).of("analysis.stem") == parse_bits(text).of("entropy.x") == LayerBits(*bits)
    )


@pytest.mark.parametrize("text", ["", "many", "w2a8", "w8a3", "17", "8.5", "a8"])
def test_bits_that_no_layer_can_have_are_named_errors(text: str) -> None:
    with pytest.raises(QuantizationError):
        parse_bits(text)


@pytest.mark.parametrize("values", [None, {}, {"transforms": [8], "entropy": 3, "layers": {}}])
def test_what_is_no_plan_is_a_named_error(values: object) -> None:
    with pytest.raises(QuantizationError):
        BitPlan.from_values(values)
