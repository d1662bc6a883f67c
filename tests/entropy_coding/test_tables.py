"""The integer tables are the same on every machine and fit the arithmetic that uses them."""

import numpy as np

from lic.entropy_coding import tables


def integer_tables():
    return [
        tables.EXPONENTIAL,
        tables.INVERSE_SCALE,
        tables.REACH,
        tables.NORMAL,
        tables.COST,
    ]


def test_no_entry_lies_near_a_rounding_boundary():
    for name, values in tables.real_tables().items():
        fraction = np.array(values) % 1
        assert np.abs(fraction - 0.5).min() > 1e-5, name


def test_the_digest_is_that_of_the_tables():
    assert tables.digest(integer_tables()) == tables.DIGEST


def test_the_digest_notices_a_change_of_one():
    changed = [table.copy() for table in integer_tables()]
    changed[3][600] += 1
    assert tables.digest(changed) != tables.DIGEST


def test_the_normal_distribution_is_flat_beyond_the_reach_of_every_scale():
    position = tables.REACH.astype(np.int64) * tables.INVERSE_SCALE
    entry = position >> tables.POSITION_BITS
    assert (tables.NORMAL[tables.NORMAL_HALF - entry] == 0).all()
    assert (tables.NORMAL[tables.NORMAL_HALF + entry] == tables.TOTAL).all()
    assert entry.max() + 1 < tables.NORMAL_HALF
    assert position.max() < 2**31


def test_the_normal_distribution_rises_by_less_than_a_byte_holds():
    steps = np.diff(tables.NORMAL)
    assert steps.min() >= 0
    assert steps.max() <= 255


def test_the_normal_distribution_is_symmetric():
    np.testing.assert_array_equal(tables.NORMAL + tables.NORMAL[::-1], tables.TOTAL)


def test_the_tables_cannot_be_written_to():
    assert not any(table.flags.writeable for table in [*integer_tables(), tables.SCALES])


def test_the_scales_are_log_spaced_between_their_ends():
    np.testing.assert_allclose(tables.SCALES[[0, 255]], [0.11, 256], rtol=1e-12)
    np.testing.assert_allclose(np.diff(np.log(tables.SCALES)), tables.SCALE_RATIO, rtol=1e-9)
