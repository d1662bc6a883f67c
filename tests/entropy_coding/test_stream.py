"""Whatever the bytes are, the decoders return symbols or raise CorruptStreamError."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lic.entropy_coding import CorruptStreamError, Decoder, Encoder, stream_lanes
from lic.entropy_coding.reference import ReferenceDecoder
from lic.entropy_coding.stream import choose_lanes

DECODERS = pytest.mark.parametrize("decoder_type", [Decoder, ReferenceDecoder])


@pytest.fixture(scope="module", params=[(1, 1), (4, 1), (16, 2)])
def case(request, draw_workload, tables):
    """Return a stream with both kinds of symbols and escapes, and a function that decodes it."""
    workload = draw_workload("peaky", 150)
    symbols = workload.symbols.copy()
    symbols[::50] = [-1000, 2**31 - 1, -(2**31)]
    channels = (np.arange(40) % 3).astype(np.int32)
    encoder = Encoder()
    encoder.put_mixture(symbols, workload.parameters)
    encoder.put_factorized(np.arange(40), channels, tables)
    stream = encoder.finish(*request.param)

    def decode(decoder_type, data):
        decoder = decoder_type(data)
        decoded = decoder.get_mixture(workload.parameters)
        more = decoder.get_factorized(channels, tables)
        decoder.finish()
        np.testing.assert_array_equal(decoded, symbols)
        np.testing.assert_array_equal(more, np.arange(40))

    return stream, decode


@DECODERS
def test_the_stream_itself_is_accepted(case, decoder_type):
    stream, decode = case
    decode(decoder_type, stream)


@DECODERS
def test_truncated_streams_are_refused(case, decoder_type):
    stream, decode = case
    for length in range(0, len(stream), 1 if decoder_type is Decoder else 9):
        with pytest.raises(CorruptStreamError):
            decode(decoder_type, stream[:length])


@DECODERS
def test_flipped_bits_are_noticed(case, decoder_type):
    stream, decode = case
    for bit in range(0, 8 * len(stream), 1 if decoder_type is Decoder else 29):
        damaged = bytearray(stream)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(CorruptStreamError):
            decode(decoder_type, bytes(damaged))


@DECODERS
@pytest.mark.parametrize("extra", [b"\0", b"\0\0", b"\xff" * 100])
def test_bytes_added_anywhere_are_refused(case, decoder_type, extra):
    stream, decode = case
    for position in range(0, len(stream) + 1, 7):
        with pytest.raises(CorruptStreamError):
            decode(decoder_type, stream[:position] + extra + stream[position:])


@DECODERS
@pytest.mark.parametrize("length", [0, 1, 5, 6, 7, 100, 5000])
@pytest.mark.parametrize("value", [0x00, 0x01, 0x06, 0x07, 0xFF])
def test_constant_bytes_are_refused(case, decoder_type, length, value):
    _, decode = case
    with pytest.raises(CorruptStreamError):
        decode(decoder_type, bytes([value]) * length)
    if length:
        with pytest.raises(CorruptStreamError):
            decode(decoder_type, b"\x02" + bytes([value]) * length)


@DECODERS
@settings(deadline=None, max_examples=200)
@given(st.integers(0, 6), st.binary(max_size=600))
def test_random_bytes_are_refused(case, decoder_type, first, rest):
    _, decode = case
    with pytest.raises(CorruptStreamError):
        decode(decoder_type, bytes([first]) + rest)


@DECODERS
def test_other_distributions_than_the_encoders_are_noticed(draw_workload, decoder_type):
    workload = draw_workload("wide", 400)
    encoder = Encoder()
    encoder.put_mixture(workload.symbols, workload.parameters)
    stream = encoder.finish()
    means = workload.parameters.means.copy()
    means[:, 200] += 64
    changed = type(workload.parameters)(
        workload.parameters.logits, means, workload.parameters.scales
    )
    decoder = decoder_type(stream)
    with pytest.raises(CorruptStreamError):
        decoder.get_mixture(changed), decoder.finish()


@DECODERS
def test_other_checked_values_than_the_encoders_are_noticed(draw_workload, decoder_type):
    workload = draw_workload("wide", 40)
    values = np.arange(-20, 20, dtype=np.int32)
    encoder = Encoder()
    encoder.put_mixture(workload.symbols, workload.parameters)
    encoder.check(values)
    stream = encoder.finish()
    others = [values.copy() for _ in values]
    for place, other in enumerate(others):
        other[place] += 1
    for checked in (values, *others, values[:-1], values[::-1].copy(), None):
        decoder = decoder_type(stream)
        decoder.get_mixture(workload.parameters)
        if checked is not None:
            decoder.check(checked)
        if checked is values:
            decoder.finish()
        else:
            with pytest.raises(CorruptStreamError):
                decoder.finish()


@DECODERS
def test_values_are_checked_in_their_order_among_the_symbols(draw_workload, decoder_type):
    workload = draw_workload("wide", 40)
    encoder = Encoder()
    encoder.check(np.arange(5))
    encoder.put_mixture(workload.symbols, workload.parameters)
    decoder = decoder_type(encoder.finish())
    decoder.get_mixture(workload.parameters)
    decoder.check(np.arange(5))
    with pytest.raises(CorruptStreamError):
        decoder.finish()


@pytest.mark.parametrize("coder", [Encoder(), Decoder(Encoder().finish())])
@pytest.mark.parametrize("values", [np.zeros(2), np.zeros((1, 2), np.int32), np.full(1, 2**31)])
def test_values_that_cannot_be_checked_are_refused(coder, values):
    with pytest.raises(ValueError, match="values"):
        coder.check(values)


@DECODERS
def test_symbols_left_over_are_noticed(draw_workload, decoder_type):
    workload = draw_workload("wide", 400)
    encoder = Encoder()
    encoder.put_mixture(workload.symbols, workload.parameters)
    decoder = decoder_type(encoder.finish())
    decoder.get_mixture(workload.parameters.select(slice(0, 399)))
    with pytest.raises(CorruptStreamError):
        decoder.finish()


@DECODERS
def test_a_decoder_that_failed_cannot_be_used_again(draw_workload, decoder_type):
    parameters = draw_workload("wide", 400).parameters
    decoder = decoder_type(Encoder().finish())
    with pytest.raises(CorruptStreamError):
        decoder.get_mixture(parameters)
    with pytest.raises(RuntimeError, match="failed"):
        decoder.get_mixture(parameters)
    with pytest.raises(RuntimeError, match="failed"):
        decoder.check(np.zeros(1, np.int32))
    with pytest.raises(RuntimeError, match="failed"):
        decoder.finish()


@DECODERS
def test_an_empty_stream_of_symbols_is_six_bytes_and_is_accepted(decoder_type):
    stream = Encoder().finish()
    assert stream == bytes([0, 0, 0, 0, 1, 0])
    decoder_type(stream).finish()


@pytest.mark.parametrize("data", [b"", b"\x57" * 500, b"\x07" * 500, b"\x01" * 10, bytes(6)])
def test_the_lanes_of_a_damaged_stream_are_not_told(data):
    with pytest.raises(CorruptStreamError):
        stream_lanes(data)


def test_lanes_cost_less_than_a_thousandth():
    for bits in [0, 1, 47_999, 48_000, 10**6, 10**7, 10**9]:
        lanes, chunks = choose_lanes(bits)
        assert (lanes * chunks - 1) * 40 <= 0.001 * bits
        assert (lanes * chunks == 256) or (2 * lanes * chunks - 1) * 40 > 0.0005 * bits
        assert lanes == 16 or chunks == 1


@pytest.mark.parametrize("first", [0x10, 0x41, 0x50, 0xF0])
def test_chunks_that_are_not_there_are_refused(first):
    for decoder_type in (Decoder, ReferenceDecoder):
        for rest in (b"", b"\xff" * 200, bytes(200), b"\1" * 40):
            with pytest.raises(CorruptStreamError):
                decoder_type(bytes([first]) + rest)
