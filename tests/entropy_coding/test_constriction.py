"""An independent coder with our distributions needs as many bits, and agrees on the symbols."""

import numpy as np
import pytest

from lic.entropy_coding import SCALES, Decoder, Encoder, MixtureParameters, mixture_bits
from lic.entropy_coding.reference import MixtureDistributions

constriction = pytest.importorskip("constriction", reason="compares with this coder")


def probabilities(parameters):
    """Return our probabilities (n, symbols) over the union of all windows, and its first symbol."""
    model = MixtureDistributions(parameters)
    first, last = int(model.low.min()), int(model.high.max())
    matrix = np.zeros((len(parameters), last - first + 1))
    for symbol in range(first, last + 1):
        v = np.clip(symbol, model.low, model.high)
        counts = model.cumulative(v + 1) - model.cumulative(v)
        matrix[:, symbol - first] = np.where(v == symbol, counts, 0)
    return matrix / 2**18, first


@pytest.mark.parametrize(("kind", "count"), [("wide", 3000), ("peaky", 20_000)])
@pytest.mark.parametrize("components", [1, 3])
def test_an_independent_coder_needs_as_many_bits(draw_workload, kind, count, components):
    workload = draw_workload(kind, count, components)
    model = MixtureDistributions(workload.parameters)
    # The other coder has no escapes.
    symbols = np.clip(workload.symbols, model.low + 1, model.high - 1).astype(np.int32)
    matrix, first = probabilities(workload.parameters)

    theirs = constriction.stream.stack.AnsCoder()
    family = constriction.stream.model.Categorical(perfect=False)
    theirs.encode_reverse(symbols - np.int32(first), family, matrix)
    their_bits = theirs.num_bits()
    encoder = Encoder()
    encoder.put_mixture(symbols, workload.parameters)
    stream = encoder.finish()

    ideal = mixture_bits(symbols, workload.parameters)
    assert abs(8 * len(stream) - their_bits) <= 0.001 * ideal + 64
    np.testing.assert_array_equal(theirs.decode(family, matrix) + first, symbols)
    decoder = Decoder(stream)
    np.testing.assert_array_equal(decoder.get_mixture(workload.parameters), symbols)
    decoder.finish()


def test_our_gaussian_costs_what_their_exact_one_does():
    random = np.random.default_rng(5)
    means = random.integers(-640, 640, 20_000) / 64
    indices = random.integers(0, 160, 20_000)
    parameters = MixtureParameters(
        np.zeros((1, 20_000), np.int8),
        (means * 64).astype(np.int16)[None],
        indices.astype(np.uint8)[None],
    )
    scales = SCALES[indices]
    symbols = np.rint(random.normal(means, scales)).astype(np.int32)
    theirs = constriction.stream.stack.AnsCoder()
    family = constriction.stream.model.QuantizedGaussian(-500, 500)
    theirs.encode_reverse(symbols, family, means, scales)
    ours = mixture_bits(symbols, parameters)
    assert ours == pytest.approx(theirs.num_bits(), rel=0.004)
