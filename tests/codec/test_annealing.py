from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from lic import codec
from lic.codec.coding import encode_picture
from lic.codec.errors import PictureError
from lic.codec.weights import Weights

torch = pytest.importorskip("torch", reason="needs the extra torch")
from lic.codec.annealing import schedule, soft_round  # noqa: E402  # needs torch
from lic.codec.gradients import gradients_of  # noqa: E402

Pixels = NDArray[np.uint8]


pytestmark = pytest.mark.usefixtures("network_alone")


def cost(data: bytes, pixels: Pixels, quality: float, weights: Weights) -> float:
    """R + lambda D of a file, in bits."""
    trade_off = gradients_of(weights.executor, round(100 * quality)).trade_off
    error = np.square(codec.decode(data, weights).astype(float) - pixels).mean()
    return 8 * len(data) + trade_off * error * pixels.shape[0] * pixels.shape[1]


def test_annealing_lowers_a_pictures_cost(tiny_weights: Weights, budgie: Pixels) -> None:
    pixels = budgie[100:220, 100:190]
    plain = codec.encode(pixels, 50, tiny_weights, effort=0)
    seen: list[tuple[int, int]] = []
    annealed = codec.encode(
        pixels, 50, tiny_weights, effort=5, report=lambda done, total: seen.append((done, total))
    )
    assert cost(annealed, pixels, 50, tiny_weights) < 0.995 * cost(plain, pixels, 50, tiny_weights)
    assert seen == [(i, 30) for i in range(1, 31)]


def test_annealing_is_never_worse_even_where_tiles_meet(
    tiny_weights: Weights, budgie: Pixels
) -> None:
    pixels = budgie[100:164, 100:292]
    plain, annealed = (
        encode_picture(pixels, 80, tiny_weights, tile=64, effort=effort) for effort in (0, 4)
    )
    before = cost(plain, pixels, 80, tiny_weights)
    assert cost(annealed, pixels, 80, tiny_weights) <= before


def test_the_same_effort_gives_the_same_file(tiny_weights: Weights, budgie: Pixels) -> None:
    pixels = budgie[100:164, 100:164]
    first, second = (codec.encode(pixels, 50, tiny_weights, effort=3) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("effort", [-1, 10])
def test_effort_is_a_scale_from_0_to_9(effort: int, budgie: Pixels) -> None:
    with pytest.raises(
        PictureError, match=f"the effort must be a number from 0 to 9, not {effort}"
    ):
        codec.encode(budgie[:64, :64], effort=effort)


@pytest.mark.parametrize("random", [False, True])
def test_rounding_grows_sure_of_itself_as_the_temperature_falls(random: bool) -> None:
    values = torch.linspace(-3, 3, 601)
    generator = torch.Generator().manual_seed(0) if random else None
    errors = []
    for temperature in (0.5, 0.1, 0.02):
        soft = soft_round(values, temperature, generator)
        assert ((soft >= values.floor()) & (soft <= values.floor() + 1)).all()
        errors.append(float((soft - values.round()).abs().mean()))
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.05


def test_without_draws_rounding_is_monotone_and_keeps_integers_and_halves() -> None:
    soft = soft_round(torch.linspace(-2, 2, 401), 0.5)
    assert (soft.diff() >= -1e-6).all()
    fixed = torch.arange(-4, 4) / 2
    torch.testing.assert_close(soft_round(fixed, 0.5), fixed, rtol=0, atol=1e-4)


@pytest.mark.parametrize("iterations", [1, 5, 10, 11, 49])
def test_a_short_run_begins_smoothly_and_cools(iterations: int) -> None:
    paces = list(schedule(iterations))
    assert len(paces) == iterations
    assert [pace.random for pace in paces] == [i >= 10 for i in range(iterations)]
    assert paces[0].temperature == 1.0
    temperatures = [pace.temperature for pace in paces]
    assert temperatures == sorted(temperatures, reverse=True)
    assert sum(pace.learning_rate for pace in paces[:10]) <= 0.1 + 1e-9


@pytest.mark.parametrize("iterations", [50, 300])
def test_a_long_run_draws_from_the_start_and_cools(iterations: int) -> None:
    paces = list(schedule(iterations))
    assert len(paces) == iterations
    assert all(pace.random for pace in paces)
    temperatures = [pace.temperature for pace in paces]
    assert temperatures == sorted(temperatures, reverse=True)
    assert temperatures[0] == 0.5
    assert temperatures[-1] < 0.2
