from __future__ import annotations

import torch

from lic.models.mlic.checkerboard import ANCHORS, OTHERS, coordinates, gather, scatter


def test_anchors_lie_where_row_and_column_sum_to_an_odd_number() -> None:
    place = coordinates(4, 6, torch.zeros(1)).sum(0) % 2
    assert (gather(place, ANCHORS) == 1).all()
    assert (gather(place, OTHERS) == 0).all()


def test_the_passes_put_together_are_the_plane() -> None:
    plane = torch.randn(2, 3, 4, 6)
    parts = [scatter(gather(plane, part), part) for part in (ANCHORS, OTHERS)]
    assert torch.equal(parts[0] + parts[1], plane)
    assert not (parts[0] * parts[1]).any()
