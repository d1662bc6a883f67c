"""Mixture parameters are checked, and real numbers go to the nearest point of the grid."""

import numpy as np
import pytest

from lic.entropy_coding import LOGIT_UNIT, MEAN_UNIT, SCALES, MixtureParameters, scale_index


def grid(components, count):
    return (
        np.zeros((components, count), np.int8),
        np.zeros((components, count), np.int16),
        np.zeros((components, count), np.uint8),
    )


@pytest.mark.parametrize("position", [0, 1, 2])
@pytest.mark.parametrize(
    "replacement",
    [
        np.zeros((3, 5), np.int64),
        np.zeros(5, np.int8),
        np.zeros((3, 4), np.int8),
        [[0] * 5] * 3,
    ],
)
def test_wrong_types_and_shapes_are_refused(position, replacement):
    arrays = list(grid(3, 5))
    if isinstance(replacement, np.ndarray) and replacement.dtype == np.int8:
        replacement = replacement.astype(arrays[position].dtype)
    arrays[position] = replacement
    with pytest.raises(ValueError, match="must"):
        MixtureParameters(*arrays)


@pytest.mark.parametrize("components", [0, 5])
def test_too_few_or_too_many_components_are_refused(components):
    with pytest.raises(ValueError, match="1 to 4 components"):
        MixtureParameters(*grid(components, 2))


def test_arrays_become_contiguous():
    logits, means, scales = grid(5, 3)
    parameters = MixtureParameters(
        np.asfortranarray(logits[:3]), np.asfortranarray(means[:3]), scales[:3]
    )
    assert parameters.logits.flags.c_contiguous
    assert parameters.means.flags.c_contiguous
    assert len(parameters) == 3
    assert parameters.components == 3


def test_real_parameters_go_to_the_nearest_point_of_the_grid():
    random = np.random.default_rng(0)
    weights = random.dirichlet(np.ones(3), 1000).T
    means = random.uniform(-500, 500, (3, 1000))
    scales = np.exp(random.uniform(np.log(0.12), np.log(250), (3, 1000)))
    p = MixtureParameters.from_real(weights, means, scales)
    assert np.abs(p.means * MEAN_UNIT - means).max() <= MEAN_UNIT / 2
    assert np.abs(np.log(SCALES[p.scales] / scales)).max() < 0.0153
    logits = p.logits * LOGIT_UNIT
    ratios = np.log(weights / weights.max(0)) - (logits - logits.max(0))
    assert np.abs(ratios[weights > 1e-5]).max() <= LOGIT_UNIT / 2 + 1e-9


def test_real_parameters_beyond_the_grid_go_to_its_ends():
    p = MixtureParameters.from_real([[1.0], [0.0]], [[1e9], [-1e9]], [[1e-9], [1e9]])
    assert p.logits.tolist() == [[127], [-128]]
    assert p.means.tolist() == [[32767], [-32768]]
    assert p.scales.tolist() == [[0], [255]]


@pytest.mark.parametrize(
    ("weights", "means", "scales"),
    [
        ([[np.nan]], [[0.0]], [[1.0]]),
        ([[1.0]], [[np.inf]], [[1.0]]),
        ([[1.0]], [[0.0]], [[np.nan]]),
        ([[0.0]], [[0.0]], [[1.0]]),
        ([[-1.0]], [[0.0]], [[1.0]]),
        ([[1.0]], [[0.0]], [[0.0]]),
        ([[1.0]], [[0.0, 1.0]], [[1.0]]),
        ([1.0], [0.0], [1.0]),
    ],
)
def test_real_parameters_without_a_meaning_are_refused(weights, means, scales):
    with pytest.raises(ValueError, match="must"):
        MixtureParameters.from_real(weights, means, scales)


def test_no_symbols_have_parameters_too():
    assert len(MixtureParameters.from_real(*np.zeros((3, 2, 0)))) == 0


@pytest.mark.parametrize("index", [np.array([True, False, True]), np.array([0, 2]), slice(0, 3, 2)])
def test_a_mask_indices_or_a_slice_select_symbols(index):
    means = np.array([[1, 2, 3], [4, 5, 6]], np.int16)
    selected = MixtureParameters(np.zeros((2, 3), np.int8), means, np.ones((2, 3), np.uint8))
    assert selected.select(index).means.tolist() == [[1, 3], [4, 6]]


def test_a_scales_index_is_that_of_the_nearest_entry():
    np.testing.assert_array_equal(scale_index(SCALES), np.arange(256))
    np.testing.assert_array_equal(scale_index(SCALES[:-1] * 1.015), np.arange(255))
    np.testing.assert_array_equal(scale_index(SCALES[:-1] * 1.016), np.arange(1, 256))
    assert scale_index(np.array([0.0, 1e-30, np.inf])).tolist() == [0, 0, 255]
