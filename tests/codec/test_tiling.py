from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lic.codec.tiling import TILE_UNIT, Region, pad_edges, padded, tile_count, tiles


@given(st.integers(1, 2000), st.integers(1, 2000), st.integers(1, 20))
def test_tiles_cover_the_padded_picture_exactly_once(width: int, height: int, units: int) -> None:
    regions = list(tiles(width, height, units * TILE_UNIT))
    assert len(regions) == tile_count(width, height, units * TILE_UNIT)
    covered = np.zeros((padded(height) // TILE_UNIT, padded(width) // TILE_UNIT), dtype=int)
    for region in regions:
        covered[region.scaled_down(TILE_UNIT).slices] += 1
        assert region.scaled_down(TILE_UNIT).scaled_up(TILE_UNIT) == region
    assert (covered == 1).all()


def test_a_margin_stays_within_the_plane() -> None:
    region = Region(0, 64, 64, 128)
    grown = region.grown(80, 100, 500)
    assert grown == Region(0, 0, 100, 208)
    assert region.within(grown) == Region(0, 64, 64, 128)


def test_padding_repeats_the_last_row_and_column_up_to_whole_units() -> None:
    pixels = np.arange(65 * 3 * 3, dtype=np.uint8).reshape(65, 3, 3)
    whole = pad_edges(pixels)
    assert whole.shape == (128, 64, 3)
    assert (whole[:65, :3] == pixels).all()
    assert (whole[65:, :3] == pixels[-1:]).all()
    assert (whole[:65, 3:] == pixels[:, -1:]).all()
    assert pad_edges(whole).shape == whole.shape
