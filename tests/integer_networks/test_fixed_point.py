import numpy as np
import pytest

from lic.integer_networks.fixed_point import (
    MULTIPLIER_LIMIT,
    apply_gain,
    at_quality,
    exp2,
    nearest_level,
    rescale,
)


def test_the_exponential_is_within_a_hundred_millionth_or_half_a_unit() -> None:
    logarithms = np.arange(0, 31 << 16, 97, dtype=np.int64)
    real = 2.0 ** (logarithms / 2**16)
    assert (np.abs(exp2(logarithms) - real) <= 0.5 + 1e-8 * real).all()


def test_the_exponential_of_whole_numbers_is_exact() -> None:
    whole = np.arange(31, dtype=np.int64)
    assert exp2(whole << 16).tolist() == [1 << n for n in range(31)]


def test_the_exponential_never_exceeds_what_a_multiplier_can_be() -> None:
    assert exp2(np.array([(31 << 16) - 1], dtype=np.int64))[0] <= MULTIPLIER_LIMIT


def test_rescaling_rounds_half_up() -> None:
    half = np.int64(1 << 30)
    values = np.array([-3, -2, -1, 0, 1, 2, 3], dtype=np.int64)
    assert rescale(values, half).tolist() == [-1, -1, 0, 0, 1, 1, 2]


def test_a_gain_of_one_changes_nothing() -> None:
    values = np.array([-32767, -1, 0, 5, 32767], dtype=np.int64)
    assert apply_gain(values, np.int64(1 << 20)).tolist() == values.tolist()


@pytest.mark.parametrize(("quality", "expected"), [(0, 10), (5000, 30), (7500, 20), (10000, 10)])
def test_tables_are_interpolated_between_their_levels(quality: int, expected: int) -> None:
    table = np.array([[10], [30], [10]], dtype=np.int32)
    assert at_quality(table, quality).tolist() == [expected]


def test_a_table_of_one_level_holds_at_every_quality() -> None:
    assert at_quality(np.array([[7]], dtype=np.int32), 9999).tolist() == [7]


@pytest.mark.parametrize(("quality", "level"), [(0, 0), (714, 0), (715, 1), (5000, 4), (10000, 7)])
def test_the_nearest_of_eight_levels_is_found(quality: int, level: int) -> None:
    assert nearest_level(quality, 8) == level
