"""Tables of counts are checked, and probabilities round to them in one way only."""

import numpy as np
import pytest

from lic.entropy_coding import FactorizedTables, factorized_bits


def make(counts, lows, lengths):
    return FactorizedTables(
        np.array(counts, np.uint32), np.array(lows, np.int32), np.array(lengths, np.int32)
    )


def test_tables_of_different_lengths_are_accepted():
    tables = make([[0, 1, 65536, 65536], [0, 10, 20, 65536]], [-3, 7], [2, 3])
    assert tables.channels == 2


@pytest.mark.parametrize(
    ("counts", "lows", "lengths"),
    [
        ([[0, 0, 65536]], [0], [2]),
        ([[1, 2, 65536]], [0], [2]),
        ([[0, 2, 65535]], [0], [2]),
        ([[0, 9, 8, 65536]], [0], [3]),
        ([[0, 1, 2, 65536]], [0], [2]),
        ([[0, 65536]], [0], [1]),
        ([[0, 1, 65536]], [0], [3]),
        ([[0, 1, 65536]], [0], [-1]),
        ([[0, 1, 65536]], [0, 0], [2]),
        ([[0, 1, 65536]], [0], [2, 2]),
        ([[0, 1, 65536]], [2**31 - 1], [2]),
        ([0, 1, 65536], [0], [2]),
    ],
)
def test_impossible_tables_are_refused(counts, lows, lengths):
    with pytest.raises(ValueError, match=r"must|have"):
        make(counts, lows, lengths)


def test_tables_keep_a_copy_that_cannot_be_written_to():
    counts = np.array([[0, 1, 65536]], np.uint32)
    tables = FactorizedTables(counts, np.zeros(1, np.int32), np.full(1, 2, np.int32))
    counts[0, 1] = 0
    assert tables.counts[0, 1] == 1
    with pytest.raises(ValueError, match="read-only"):
        tables.counts[0, 1] = 0


def test_every_symbol_gets_a_count_and_the_rest_follows_the_probabilities():
    tables = FactorizedTables.from_probabilities([[0, 3, 1], [0, 0, 0, 0, 5]], [-1, 2])
    assert tables.counts.tolist() == [
        [0, 1, 49152, 65536, 65536, 65536],
        [0, 1, 2, 3, 4, 65536],
    ]
    assert tables.lengths.tolist() == [3, 5]


def test_counts_left_over_go_to_the_largest_fractions_the_first_of_equals_first():
    # 65533 / 3 = 21844.33: one count is left over, and three symbols claim it equally.
    tables = FactorizedTables.from_probabilities([[1, 1, 1]], [0])
    assert np.diff(tables.counts[0]).tolist() == [21846, 21845, 21845]


def test_probabilities_need_not_be_normalized_and_may_be_extreme():
    scaled = FactorizedTables.from_probabilities([np.array([1, 2, 5]) * 1e307], [0])
    np.testing.assert_array_equal(
        scaled.counts, FactorizedTables.from_probabilities([[1, 2, 5]], [0]).counts
    )


@pytest.mark.parametrize(
    ("probabilities", "lows"),
    [
        ([[1.0]], [0]),
        ([[0.0, 0.0]], [0]),
        ([[-1.0, 2.0]], [0]),
        ([[np.nan, 1.0]], [0]),
        ([[[1.0, 1.0]]], [0]),
        ([np.ones(32769)], [0]),
        ([[1.0, 1.0]], [0, 0]),
        ([[1.0, 1.0]], [0.5]),
        ([[1.0, 1.0]], [2**31]),
    ],
)
def test_what_is_no_distribution_is_refused(probabilities, lows):
    with pytest.raises(ValueError, match=r"must|need"):
        FactorizedTables.from_probabilities(probabilities, lows)


def test_no_channels_are_possible():
    assert FactorizedTables.from_probabilities([], []).channels == 0


def test_rounding_costs_less_than_a_thousandth():
    random = np.random.default_rng(0)
    p = np.exp(-np.abs(np.arange(-30, 31)) / 3.0)
    p /= p.sum()
    symbols = random.choice(np.arange(-29, 30), 20000, p=p[1:-1] / p[1:-1].sum()).astype(np.int32)
    tables = FactorizedTables.from_probabilities([p], [-30])
    bits = factorized_bits(symbols, np.zeros(20000, np.int32), tables)
    assert bits <= -np.log2(p[symbols + 30]).sum() * 1.001
