from __future__ import annotations

import numpy as np
import pytest

from lic.models.deployable.model import Deployable
from lic.models.deployable.transforms import BlockShape
from lic.quantization.bits import LayerBits
from lic.quantization.errors import QuantizationError
from lic.quantization.search.space import Choice, Space, read_architecture, space_of


@pytest.fixture(scope="module")
def space(small_model: Deployable) -> Space:
    return space_of(small_model)


def test_every_weight_of_the_network_lies_in_a_site(small_model: Deployable, space: Space) -> None:
    sites = {site.name for site in space.sites}
    for name, parameter in small_model.named_parameters():
        if parameter.ndim == 4 and not name.startswith("side."):
            outer = name.split(".")
            assert any(".".join(outer[:n]) in sites for n in range(len(outer))), name


def test_blocks_can_have_inner_windows_and_first_channels(space: Space) -> None:
    site = next(s for s in space.sites if s.name == "synthesis.blocks.0")
    assert set(site.shapes) == {BlockShape(k, e) for k in (3, 5) for e in (0.5, 1.0)}
    assert sum(not choice.present for choice in site.choices) == 1
    step = next(s for s in space.sites if s.name == "entropy.steps.2.blocks.0")
    assert {shape.expansion for shape in step.shapes} == {0.5, 1.0, 1.5, 2.0}
    assert all(choice.present for choice in step.choices)


def test_an_architecture_survives_the_way_to_json(space: Space) -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        drawn = space.random(rng)
        plan, shapes = read_architecture(space.to_values(drawn))
        chosen = space.choices(drawn)
        assert shapes == {n: s for n, s in space.shapes(drawn).items() if n in shapes}
        for name, choice in chosen.items():
            assert plan.of(name) == choice.bits
            assert (name in shapes and shapes[name] is None) == (not choice.present)
        assert space.nearest(chosen) == drawn


def test_choices_that_the_space_does_not_have_are_named_errors(space: Space) -> None:
    choices = space.choices(space.largest)
    unknown = {"synthesis.blocks.0": Choice(LayerBits(12, 16), BlockShape(7, 1.0))}
    with pytest.raises(QuantizationError):
        space.nearest(choices | unknown)
    with pytest.raises(QuantizationError):
        space.uniform(LayerBits(5, 5))
    with pytest.raises(QuantizationError):
        read_architecture({"blocks": 3})


def test_a_search_of_nothing_is_a_named_error(small_model: Deployable) -> None:
    with pytest.raises(QuantizationError):
        space_of(small_model, weight_bits=())
