"""The integer tables are the same on every machine and fit the arithmetic that uses them."""

import math

import numpy as np
import pytest

from lic.entropy_coding import tables
from lic.entropy_coding.reference import error_function, mixture_weights


def integer_tables():
    return [tables.INVERSE_SCALE, tables.REACH]


def test_no_entry_lies_near_a_rounding_boundary():
    for name, values in tables.real_tables().items():
        fraction = np.array(values) % 1
        assert np.abs(fraction - 0.5).min() > 1e-5, name


def test_the_digest_is_that_of_the_tables():
    assert tables.digest(integer_tables()) == tables.DIGEST


def test_the_digest_notices_a_change_of_one():
    changed = [table.copy() for table in integer_tables()]
    changed[1][200] += 1
    assert tables.digest(changed) != tables.DIGEST


def test_the_error_function_is_flat_beyond_the_reach_of_every_scale():
    position = tables.REACH.astype(np.int64) * tables.INVERSE_SCALE
    assert position.max() < 2**31
    ends = np.concatenate([position >> 16, -position >> 16])
    assert (np.abs(error_function(ends)) == 32760).all()


def test_the_error_function_never_decreases_and_is_odd():
    p = np.arange(-32767, 32768)
    values = error_function(p)
    assert (np.diff(values) >= 0).all()
    np.testing.assert_array_equal(values, -values[::-1])


def test_the_error_function_is_within_a_thousandth_of_the_real_one():
    p = np.arange(-32767, 32768, 13)
    real = [math.erf(z * tables.ERROR_RANGE / 2**15 / math.sqrt(2)) for z in p.tolist()]
    np.testing.assert_allclose(error_function(p) / 32760, real, atol=1.3e-3)


def test_the_correction_of_the_windows_ends_is_exact_for_every_size():
    size = np.arange(3, 3141)
    top = 2**18 - 64
    assert ((top * (64 - size) + (1 << 14)) >> 18).tolist() == (64 - size).tolist()
    assert (2 * 32767 + 2 * tables.REACH.max() + 127 + 63) // 64 + 1 <= 3141


@pytest.mark.parametrize("components", [2, 3, 4])
def test_the_weights_are_the_softmax_of_the_logits(components):
    random = np.random.default_rng(2)
    logits = random.integers(-128, 128, (components, 20_000)).astype(np.int8)
    logits[:, ::2] //= 4
    weights = mixture_weights(logits)
    assert (weights >= 0).all()
    assert (weights.sum(axis=0) == 1 << tables.WEIGHT_BITS).all()
    real = np.exp(logits / 16.0)
    real /= real.sum(axis=0)
    np.testing.assert_allclose(weights / (1 << tables.WEIGHT_BITS), real, atol=8e-4)


def test_the_quantiles_are_those_of_the_normal_distribution():
    z = tables.QUANTILE / 4096 * tables.FLAT_FROM
    real = [(1 + math.erf(x / math.sqrt(2))) / 2 for x in z]
    np.testing.assert_allclose(real, (np.arange(512) + 0.5) / 512, atol=3e-4)


def test_the_tables_cannot_be_written_to():
    assert not any(table.flags.writeable for table in [*integer_tables(), tables.SCALES])


def test_the_scales_are_log_spaced_between_their_ends():
    np.testing.assert_allclose(tables.SCALES[[0, 255]], [0.11, 256], rtol=1e-12)
    np.testing.assert_allclose(np.diff(np.log(tables.SCALES)), tables.SCALE_RATIO, rtol=1e-9)
