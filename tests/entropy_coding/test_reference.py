"""The native coder and the NumPy reference write the same bytes and read the same symbols."""

import math

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lic.entropy_coding import (
    Decoder,
    Encoder,
    FactorizedTables,
    MixtureParameters,
    factorized_bits,
    mixture_bits,
    mixture_counts,
)
from lic.entropy_coding.coder import instruction_sets
from lic.entropy_coding.reference import (
    MixtureDistributions,
    ReferenceDecoder,
    ReferenceEncoder,
    TableDistributions,
    symbol_bits,
)

INT32 = st.integers(-(2**31), 2**31 - 1)
LANES = st.tuples(st.sampled_from([None, 1, 2, 8, 16, 64]), st.sampled_from([None, 1, 2, 16]))


def grids(components, count):
    shape = (components, count)
    return st.builds(
        MixtureParameters,
        hnp.arrays(np.int8, shape),
        hnp.arrays(np.int16, shape, elements=st.integers(-300, 300) | st.integers(-32768, 32767)),
        hnp.arrays(np.uint8, shape, elements=st.integers(0, 120) | st.integers(0, 255)),
    )


@st.composite
def calls(draw):
    """Draw the arguments of some calls of put_mixture (2) and put_factorized (3)."""
    drawn = []
    for _ in range(draw(st.integers(0, 4))):
        count = draw(st.integers(0, 40))
        symbols = draw(hnp.arrays(np.int32, count, elements=st.integers(-9, 9) | INT32))
        if draw(st.booleans()):
            drawn.append((symbols, draw(grids(draw(st.integers(1, 4)), count))))
        else:
            vectors = st.lists(st.floats(1e-6, 1), min_size=2, max_size=9)
            rows = draw(st.lists(vectors, min_size=1, max_size=3))
            length = max(map(len, rows)) - 1
            lows = [
                draw(st.integers(-9, 9) | st.integers(-(2**31), 2**31 - 1 - length)) for _ in rows
            ]
            tables = FactorizedTables.from_probabilities(rows, np.array(lows))
            channels = draw(hnp.arrays(np.int32, count, elements=st.integers(0, len(rows) - 1)))
            drawn.append((symbols, channels, tables))
    return drawn


def encode(encoder, drawn, lanes):
    for call in drawn:
        if len(call) == 2:
            encoder.put_mixture(*call)
        else:
            encoder.put_factorized(*call)
    return encoder.finish(*lanes)


def decode(decoder, drawn):
    symbols = [
        decoder.get_mixture(call[1]) if len(call) == 2 else decoder.get_factorized(*call[1:])
        for call in drawn
    ]
    decoder.finish()
    return symbols


@settings(deadline=None, max_examples=150)
@given(calls(), LANES)
def test_both_write_the_same_bytes_and_read_them_back(drawn, lanes):
    stream = encode(ReferenceEncoder(), drawn, lanes)
    decoders = [ReferenceDecoder(stream)]
    for isa in instruction_sets():
        assert encode(Encoder(isa=isa), drawn, lanes) == stream
        decoders.append(Decoder(stream, isa=isa))
    for decoder in decoders:
        for call, symbols in zip(drawn, decode(decoder, drawn), strict=True):
            np.testing.assert_array_equal(symbols, call[0])


@settings(deadline=None, max_examples=50)
@given(calls(), st.lists(st.integers(-(2**31), 2**31 - 1), max_size=40), LANES)
def test_both_write_the_same_bytes_when_values_are_checked(drawn, values, lanes):
    encoders = [ReferenceEncoder(), *(Encoder(isa=isa) for isa in instruction_sets())]
    for encoder in encoders:
        encoder.check(np.array(values, np.int32))
    streams = {encode(encoder, drawn, lanes) for encoder in encoders}
    assert len(streams) == 1
    (stream,) = streams
    for decoder_type in (ReferenceDecoder, Decoder):
        decoder = decoder_type(stream)
        decoder.check(np.array(values, np.int32))
        decode(decoder, drawn)


@pytest.mark.parametrize("kind", ["wide", "peaky"])
@pytest.mark.parametrize("components", [1, 2, 3, 4])
def test_both_write_the_same_long_stream(draw_workload, tables, kind, components):
    workload = draw_workload(kind, 5003, components)
    random = np.random.default_rng(3)
    channels = random.integers(0, 3, 2001).astype(np.int32)
    drawn = [
        (workload.symbols, workload.parameters),
        (random.integers(-50, 1050, 2001).astype(np.int32), channels, tables),
        (workload.symbols[::-1].copy(), workload.parameters.select(slice(None, None, -1))),
    ]
    for lanes in ((None, None), (16, 1), (64, 2)):
        stream = encode(ReferenceEncoder(), drawn, lanes)
        decoders = [ReferenceDecoder(stream)]
        for isa in instruction_sets():
            assert encode(Encoder(isa=isa), drawn, lanes) == stream
            decoders.append(Decoder(stream, isa=isa))
        for decoder in decoders:
            for call, symbols in zip(drawn, decode(decoder, drawn), strict=True):
                np.testing.assert_array_equal(symbols, call[0])


@settings(deadline=None, max_examples=200)
@given(st.integers(1, 4).flatmap(lambda k: grids(k, 1)))
def test_the_counts_rise_strictly_from_none_to_all(parameters):
    model = MixtureDistributions(parameters)
    low, high = int(model.low[0]), int(model.high[0])
    assert 3 <= high - low + 1 <= 3140
    v = np.arange(low, high + 2)
    several = MixtureDistributions(parameters.select(np.zeros(v.size, np.intp)))
    counts = several.cumulative(v)
    assert (np.diff(counts) >= 1).all()
    # The ends, which are escapes, have the least that can be.
    assert counts[[0, 1, -2, -1]].tolist() == [0, 1, 2**18 - 1, 2**18]


@settings(deadline=None, max_examples=100)
@given(
    st.floats(-20, 20),
    st.floats(0.11, 40),
    st.floats(-20, 20),
    st.floats(0.11, 40),
    st.floats(0, 1),
)
def test_the_counts_follow_the_real_mixture(mean1, scale1, mean2, scale2, weight):
    parameters = MixtureParameters.from_real(
        [[weight], [1 - weight]], [[mean1], [mean2]], [[scale1], [scale2]]
    )
    model = MixtureDistributions(parameters)
    v = np.arange(model.low[0], model.high[0] + 2)
    counts = MixtureDistributions(parameters.select(np.zeros(v.size, np.intp))).cumulative(v)
    real = [
        sum(
            w * math.erfc((m - x + 0.5) / s / math.sqrt(2)) / 2
            for w, m, s in ((weight, mean1, scale1), (1 - weight, mean2, scale2))
        )
        for x in v.tolist()
    ]
    # Means are off by up to 1/128, that is 0.071 scales of the smallest; the window adds its floor.
    assert np.abs(counts / 2**18 - real).max() < 0.071 * 0.4 + 0.02 + v.size / 2**18


@given(st.data())
def test_the_bits_of_symbols_sum_to_what_the_native_coder_counts(data):
    count = data.draw(st.integers(1, 30))
    symbols = data.draw(hnp.arrays(np.int32, count, elements=st.integers(-9, 9) | INT32))
    parameters = data.draw(grids(3, count))
    bits = symbol_bits(symbols, MixtureDistributions(parameters))
    assert bits.shape == (count,)
    assert bits.min() >= 0
    assert bits.sum() == pytest.approx(mixture_bits(symbols, parameters))
    counts = np.array([[0, 1000, 65000, 65536]], np.uint32)
    tables = FactorizedTables(counts, np.array([-1], np.int32), np.array([3], np.int32))
    channels = np.zeros(count, np.int32)
    bits = symbol_bits(symbols, TableDistributions(channels, tables))
    assert bits.sum() == pytest.approx(factorized_bits(symbols, channels, tables))


@given(st.data())
def test_counts_of_symbols_are_the_reference_s_on_every_instruction_set(data):
    count = data.draw(st.integers(1, 30))
    symbols = data.draw(hnp.arrays(np.int32, count, elements=st.integers(-9, 9) | INT32))
    parameters = data.draw(grids(3, count))
    model = MixtureDistributions(parameters)
    v = np.clip(symbols.astype(np.int64), model.low, model.high)
    expected = model.cumulative(v + 1) - model.cumulative(v)
    for isa in instruction_sets():
        assert (mixture_counts(symbols, parameters, isa=isa) == expected).all()
