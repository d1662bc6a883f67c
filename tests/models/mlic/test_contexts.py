"""Every context's shape, what it may see, and that it sees as far as it should."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from lic.models.mlic.checkerboard import ANCHORS, OTHERS, gather, scatter
from lic.models.mlic.contexts import (
    ChannelContext,
    GuidedContext,
    InterSliceContext,
    LocalContext,
)

SIZE, HEIGHT, WIDTH = 4, 8, 12


def awake(module: nn.Module) -> nn.Module:
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.3)
    return module.double().eval()


def plane(channels: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(1, channels, HEIGHT, WIDTH, generator=generator, dtype=torch.float64)


def changed(context: nn.Module, inputs: list[Tensor], which: int, row: int, column: int) -> Tensor:
    """Where the context (h, w') changes with one position of an input."""
    other = [x.clone() for x in inputs]
    other[which][:, :, row, column] += plane(other[which].shape[1], 3)[:, :, 0, 0]
    with torch.inference_mode():
        return (context(*other) - context(*inputs)).abs().amax((0, 1)) > 0


@pytest.mark.parametrize("rotary", [True, False])
def test_the_local_context_sees_the_anchors_of_a_window(rotary: bool) -> None:
    torch.manual_seed(0)
    context = awake(LocalContext(SIZE, rotary))
    anchors = scatter(gather(plane(SIZE, 1), ANCHORS), ANCHORS)
    with torch.inference_mode():
        assert context(anchors).shape == (1, 2 * SIZE, HEIGHT, WIDTH // 2)
    # An anchor is seen from all positions of the second pass that are at most two away.
    seen = scatter(changed(context, [anchors], 0, 4, 5).double(), OTHERS)
    expected = torch.zeros(HEIGHT, WIDTH, dtype=torch.float64)
    expected[2:7, 3:8] = 1
    assert torch.equal(seen, scatter(gather(expected, OTHERS), OTHERS))
    # What is not an anchor is not decoded yet, and not seen.
    assert not changed(context, [anchors], 0, 4, 4).any()


@pytest.mark.parametrize("rotary", [True, False])
@pytest.mark.parametrize("move", [(0, 2), (1, 1), (2, 0)])
def test_the_local_context_moves_with_its_anchors(rotary: bool, move: tuple[int, int]) -> None:
    torch.manual_seed(0)
    context = awake(LocalContext(SIZE, rotary))
    anchors = scatter(gather(plane(SIZE, 1), ANCHORS), ANCHORS)
    moved = anchors.roll(move, dims=(2, 3))
    with torch.inference_mode():
        before, after = (scatter(context(x), OTHERS) for x in (anchors, moved))
    expected = before.roll(move, dims=(2, 3))
    # Away from the borders, where windows lie within the picture before and after.
    inner = (..., slice(4, HEIGHT - 2), slice(4, WIDTH - 2))
    assert expected[inner].any()
    torch.testing.assert_close(after[inner], expected[inner])


@pytest.mark.parametrize("reweighting", [True, False])
def test_a_guided_context_sees_all_anchors_and_all_of_its_guide(reweighting: bool) -> None:
    torch.manual_seed(0)
    context = awake(GuidedContext(6, SIZE, rotary=True, reweighting=reweighting))
    inputs = [plane(6, 0), scatter(gather(plane(SIZE, 1), ANCHORS), ANCHORS)]
    with torch.inference_mode():
        assert context(*inputs).shape == (1, 2 * SIZE, HEIGHT, WIDTH // 2)
    for which, row, column in ((1, 0, 1), (1, 7, 10), (0, 0, 0), (0, 0, 1)):
        assert changed(context, inputs, which, row, column).all()


def test_the_inter_slice_context_sees_all_positions() -> None:
    torch.manual_seed(0)
    context = awake(InterSliceContext(3 * SIZE, SIZE, rotary=True, reweighting=True))
    inputs = [plane(3 * SIZE, 0)]
    with torch.inference_mode():
        assert context(*inputs).shape == (1, 2 * SIZE, HEIGHT, WIDTH)
    assert changed(context, inputs, 0, 0, 0).all()


def test_the_channel_context_sees_three_positions_away() -> None:
    torch.manual_seed(0)
    context = awake(ChannelContext(2 * SIZE, SIZE))
    inputs = [plane(2 * SIZE, 0)]
    with torch.inference_mode():
        assert context(*inputs).shape == (1, 4 * SIZE, HEIGHT, WIDTH)
    expected = torch.zeros(HEIGHT, WIDTH, dtype=torch.bool)
    expected[1:8, 2:9] = True
    assert torch.equal(changed(context, inputs, 0, 4, 5), expected)
