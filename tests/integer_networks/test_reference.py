import numpy as np
import pytest

from lic.integer_networks import Graph, MixtureArrays
from lic.integer_networks.layers import (
    Add,
    Convolution,
    Depthwise,
    Gain,
    Gate,
    HardSwish,
    Input,
    Layer,
    Mixture,
    Shuffle,
    Subsample,
    Unshuffle,
)
from lic.integer_networks.reference import run
from lic.integer_networks.values import Multiplier

ONE = 2**31 - 1  # A multiplier of all but one.


def _fixed(*values: int) -> Multiplier:
    return Multiplier(fixed=np.array(values, dtype=np.int32))


def _outputs(values: np.ndarray, *layers: Layer, quality: int = 0) -> np.ndarray | MixtureArrays:
    """What layers, each on top of the one before, make of values (h, w, C)."""
    graph = Graph((Input("x", values.shape[2]), *layers), (len(layers),))
    (result,) = run(graph, (values.astype(np.int16)[None],), quality)
    return result


def test_a_convolution_sums_rescales_and_saturates() -> None:
    weights = np.array([[2, 3], [1000, 1000], [-1, -1]], dtype=np.int16)
    bias = np.array([5, 0, 0], dtype=np.int32)
    layer = Convolution((0,), weights, bias, _fixed(2**30, ONE, ONE), low=0)
    result = _outputs(np.array([[[10, 20]]]), layer)
    assert result.dtype == np.int16  # type: ignore[union-attr]
    assert result.ravel().tolist() == [43, 30000, 0]  # type: ignore[union-attr]


def test_multipliers_and_offsets_follow_the_quality() -> None:
    tables = np.array([[29 << 16], [30 << 16]], dtype=np.int32)
    offsets = np.array([[0], [100]], dtype=np.int32)
    multiplier = Multiplier(logarithms=tables, offsets=offsets)
    weights, bias = np.array([[100]], dtype=np.int8), np.zeros(1, dtype=np.int32)
    layer = Convolution((0,), weights, bias, multiplier)
    got = [
        int(_outputs(np.array([[[80]]]), layer, quality=q)[0, 0, 0, 0]) for q in (0, 5000, 10000)
    ]  # type: ignore[call-overload]
    assert got == [2000, 2828 + 50, 4000 + 100]


def test_a_depthwise_convolution_sees_zeros_around_the_picture() -> None:
    layer = Depthwise(
        (0,), np.ones((3, 3, 1), dtype=np.int8), np.zeros(1, dtype=np.int32), _fixed(ONE)
    )
    result = _outputs(np.ones((3, 3, 1)), layer)
    assert result[0, :, :, 0].tolist() == [[4, 6, 4], [6, 9, 6], [4, 6, 4]]  # type: ignore[call-overload]


def test_a_hard_swish_is_zero_below_minus_three_and_linear_above_three() -> None:
    # With 100 for a unit, x * 600 / 600 must come back.
    layer = HardSwish((0,), 300, round(2**31 / 600))
    result = _outputs(np.array([[[-1000, -300, 0, 300, 1000]]]), layer)
    assert result.ravel().tolist() == [0, 0, 0, 300, 1000]  # type: ignore[union-attr]


def test_a_gate_closes_and_opens() -> None:
    layer = Gate((0,), 300, round(2**31 / 600))
    result = _outputs(np.array([[[500, 500, 500, -300, 0, 300]]]), layer)
    assert result.ravel().tolist() == [0, 250, 500]  # type: ignore[union-attr]


def test_an_addition_saturates() -> None:
    graph = Graph((Input("x", 2), Add((0, 0))), (1,))
    (result,) = run(graph, (np.array([[[[20000, -20000]]]], dtype=np.int16),), 0)
    assert result.ravel().tolist() == [32767, -32767]  # type: ignore[union-attr]


def test_a_gain_multiplies_and_saturates() -> None:
    result = _outputs(np.array([[[100, 30000]]]), Gain((0,), _fixed(3 << 19, 2 << 20)))
    assert result.ravel().tolist() == [150, 32767]  # type: ignore[union-attr]


def test_unshuffling_orders_channels_by_row_and_column() -> None:
    values = np.arange(8).reshape(2, 2, 2)
    folded = _outputs(values, Unshuffle((0,), 2))
    assert folded.ravel().tolist() == list(range(8))  # type: ignore[union-attr]
    again = _outputs(values, Unshuffle((0,), 2), Shuffle((1,), 2))
    assert (again == values).all()  # type: ignore[operator]


def test_subsampling_takes_one_place_of_each_cell() -> None:
    values = np.arange(16).reshape(4, 4, 1)
    result = _outputs(values, Subsample((0,), 1, 0))
    assert result.ravel().tolist() == [4, 6, 12, 14]  # type: ignore[union-attr]


def test_a_mixture_gives_the_coders_integers() -> None:
    # Centre, two scales, a mean and a logit of one latent.
    raw = np.array([[[-700, 1000, 30000, 90, -40]]])
    mixture = _outputs(raw, Mixture((0,), 2))
    assert isinstance(mixture, MixtureArrays)
    assert mixture.centres.ravel().tolist() == [-700]
    assert mixture.scales.ravel().tolist() == [4, 117]
    assert mixture.means.ravel().tolist() == [0, 90]
    assert mixture.logits.ravel().tolist() == [127, 87]


@pytest.mark.parametrize("batch", [1, 3])
def test_a_batch_is_as_many_single_runs(batch: int) -> None:
    rng = np.random.default_rng(batch)
    layer = Depthwise(
        (0,),
        rng.integers(-100, 100, (5, 5, 2)).astype(np.int8),
        np.zeros(2, dtype=np.int32),
        _fixed(2**28, 2**27),
    )
    graph = Graph((Input("x", 2), layer), (1,))
    inputs = rng.integers(-999, 999, (batch, 6, 7, 2)).astype(np.int16)
    (together,) = run(graph, (inputs,), 0)
    for one, expected in zip(inputs, together, strict=True):  # type: ignore[arg-type]
        assert (run(graph, (one[None],), 0)[0] == expected).all()  # type: ignore[union-attr]
