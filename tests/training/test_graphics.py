from __future__ import annotations

import numpy as np
import pytest

from lic.training.graphics import KINDS, Draw, graphics


@pytest.mark.parametrize("draw", KINDS, ids=lambda draw: draw.__name__)
@pytest.mark.parametrize("side", [64, 256])
def test_every_kind_is_a_picture_that_varies_with_the_draw(draw: Draw, side: int) -> None:
    random = np.random.default_rng(0)
    pictures = [draw(random, side) for _ in range(20)]
    assert all((p.shape, p.dtype) == ((side, side, 3), np.uint8) for p in pictures)
    assert len({p.tobytes() for p in pictures}) == 20


def test_graphics_are_a_fraction_of_all_and_follow_from_the_seed() -> None:
    one, same, other = (graphics(0.2, 40 * 64**2, 64, seed) for seed in (1, 1, 2))
    assert len(one) == 10
    assert all(np.array_equal(a, b) for a, b in zip(one, same, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    assert graphics(0.0, 10**6, 64, 0) == []
