"""Why saturated graphics got worse as the quality rose, and that they no longer do so much.

All of it is about `small-3`. A gate's product that photographs leave small saturates int16 on
saturated graphics, more so at higher qualities, and the latents are wrong before any is rounded.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from lic.codec.executors import Latents
from lic.codec.executors.integers import IntegerExecutor
from lic.codec.latent_coding import encode_latents
from lic.codec.pixels import psnr_of
from lic.codec.weights import resolve
from lic.evaluation import hard_pictures
from lic.integer_networks import Graph
from lic.integer_networks.layers import Gate
from lic.integer_networks.limits import HEADROOM, LIMIT
from lic.integer_networks.native import NativeGraph

Pixels = NDArray[np.uint8]
CODED, ALL = 10, 0
"""Skip thresholds: that of the encoder, and none."""


@pytest.fixture(scope="module")
def executor() -> IntegerExecutor:
    found = resolve("small-3").executor
    assert isinstance(found, IntegerExecutor)
    return found


@cache
def picture(name: str) -> Pixels:
    """A part (192, 256, 3) of a hard picture: letters, squares of 2 pixels, fine waves."""
    top, left = {"text-black": (64, 128), "mosaic-fine": (0, 0), "gratings-gray": (192, 0)}[name]
    whole = getattr(hard_pictures, name.replace("-", "_"))()
    return np.ascontiguousarray(whole[top : top + 192, left : left + 256])


def gates(executor: IntegerExecutor, pixels: Pixels, quality: int) -> list[int]:
    """The largest magnitudes that the gates of the analysis give, block by block."""
    layers = executor.network.analysis.layers
    places = tuple(i for i, layer in enumerate(layers) if isinstance(layer, Gate))
    centred = 2 * pixels[None].astype(np.int16) - 255
    found = NativeGraph(Graph(layers, places)).run((centred,), quality)
    return [int(np.abs(value).max()) for value in found]  # type: ignore[arg-type]


def shown(executor: IntegerExecutor, latents: Latents, pixels: Pixels, quality: int) -> float:
    """PSNR of what the synthesis makes of latents."""
    error = executor.synthesise(latents, quality)[0].astype(float) - pixels
    return psnr_of(float(np.square(error).mean()))


def coded(
    executor: IntegerExecutor, latents: Latents, quality: int, skip_below: int
) -> tuple[int, Latents]:
    """Bytes of the stream of latents, and what they decode to."""
    side, targets = (
        executor.side_information(latents, quality),
        executor.targets(latents, quality),
    )
    streams, decoded = encode_latents(executor, targets, side, quality, skip_below)
    return len(streams[0]), decoded


@pytest.mark.parametrize("quality", [2500, 10000])
def test_a_photograph_keeps_gates_within_calibration_and_its_latents_are_not_limited(
    executor: IntegerExecutor, quality: int, budgie: Pixels
) -> None:
    pixels = budgie[128:320, 128:384]
    assert max(gates(executor, pixels, quality)) <= LIMIT
    latents = executor.analyse(pixels[None], quality)
    assert (latents == executor.analyse_without_limits(pixels[None], quality)).all()


@pytest.mark.parametrize("name", ["text-black", "mosaic-fine", "gratings-gray"])
def test_saturated_graphics_drive_the_second_gate_beyond_calibration_with_the_quality(
    executor: IntegerExecutor, name: str
) -> None:
    low, middle, high = (gates(executor, picture(name), quality)[1] for quality in (0, 5000, 10000))
    assert low < middle <= high
    assert high > 2 * LIMIT
    if name != "mosaic-fine":
        assert high == LIMIT * HEADROOM - 1  # int16 holds no more


@pytest.mark.parametrize(("name", "lost"), [("text-black", 5), ("gratings-gray", 8)])
def test_without_limits_the_picture_is_lost_before_any_latent_is_rounded(
    executor: IntegerExecutor, name: str, lost: float
) -> None:
    pixels = picture(name)
    middle, high = (
        shown(executor, executor.analyse_without_limits(pixels[None], quality), pixels, quality)
        for quality in (5000, 10000)
    )
    assert middle > high + lost
    latents = executor.analyse_without_limits(pixels[None], 10000)
    _, decoded = coded(executor, latents, 10000, CODED)
    assert abs(shown(executor, decoded, pixels, 10000) - high) < 0.1


@pytest.mark.parametrize(("name", "gained"), [("text-black", 6), ("gratings-gray", 5)])
def test_limits_give_a_better_picture_for_fewer_bytes(
    executor: IntegerExecutor, name: str, gained: float
) -> None:
    pixels = picture(name)
    (before, wrong), (after, right) = (
        coded(executor, analyse(pixels[None], 10000), 10000, CODED)
        for analyse in (executor.analyse_without_limits, executor.analyse)
    )
    assert after < before
    better = shown(executor, right, pixels, 10000) - shown(executor, wrong, pixels, 10000)
    assert better > gained


@pytest.mark.parametrize("name", ["text-black", "mosaic-fine", "gratings-gray"])
def test_latents_that_are_not_coded_are_not_the_cause(executor: IntegerExecutor, name: str) -> None:
    pixels = picture(name)
    latents = executor.analyse_without_limits(pixels[None], 7500)
    some, everything = (coded(executor, latents, 7500, skip)[1] for skip in (CODED, ALL))
    assert (
        abs(shown(executor, some, pixels, 7500) - shown(executor, everything, pixels, 7500)) < 0.05
    )
    # Every coded latent is its target, to half a step and what rounding by rate adds.
    off = executor.targets(everything, 7500) - executor.targets(latents, 7500)
    inside = np.abs(latents) < 2**14
    assert np.abs(off[inside]).max() <= 34 + 9
