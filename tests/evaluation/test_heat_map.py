from __future__ import annotations

import numpy as np

from lic.codec.bit_map import BitMap
from lic.evaluation.heat_map import painted, top_of


def test_more_bits_are_brighter_up_to_the_top() -> None:
    colours = painted(np.array([[0.0, 1, 2, 3, 4, 5]]), top=4).astype(int)
    assert (np.diff(colours.sum(axis=2)[0])[:4] > 0).all()
    assert (colours[0, 4] == colours[0, 5]).all()


def test_a_few_blocks_do_not_decide_the_scale() -> None:
    blocks = np.full((100, 100), 10.0)
    blocks[0, :3] = 1e6
    assert top_of([BitMap(blocks, {}), BitMap(blocks / 2, {})]) == 10
