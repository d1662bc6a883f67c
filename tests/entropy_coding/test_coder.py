"""The coder loses nothing, costs what its distributions say, and refuses what it cannot code."""

import doctest

import numpy as np
import pytest

import lic.entropy_coding
from lic.entropy_coding import (
    Decoder,
    Encoder,
    MixtureParameters,
    factorized_bits,
    mixture_bits,
    stream_lanes,
)


def encode(symbols, parameters, lanes=None):
    encoder = Encoder()
    encoder.put_mixture(symbols, parameters)
    return encoder.finish(lanes)


@pytest.mark.parametrize("kind", ["wide", "peaky"])
@pytest.mark.parametrize("components", [1, 3])
@pytest.mark.parametrize("count", [0, 1, 30, 1000, 30_000, 500_000])
def test_a_stream_is_within_a_thousandth_and_64_bits_of_the_ideal(
    draw_workload, kind, components, count
):
    workload = draw_workload(kind, count, components)
    stream = encode(workload.symbols, workload.parameters)
    ideal = mixture_bits(workload.symbols, workload.parameters)
    assert 8 * len(stream) <= ideal * 1.001 + 64
    decoder = Decoder(stream)
    np.testing.assert_array_equal(decoder.get_mixture(workload.parameters), workload.symbols)
    decoder.finish()


@pytest.mark.parametrize("kind", ["wide", "peaky"])
@pytest.mark.parametrize("components", [1, 2, 3, 4])
def test_fixed_point_is_within_half_a_percent_of_the_real_mixture(draw_workload, kind, components):
    workload = draw_workload(kind, 20_000, components)
    real = workload.real_bits()
    assert mixture_bits(workload.symbols, workload.parameters) <= 1.005 * real


def test_a_symbol_that_is_certain_costs_next_to_nothing():
    parameters = MixtureParameters.from_real(
        *np.broadcast_to([[[1.0]], [[0.0]], [[0.11]]], (3, 1, 10000))
    )
    symbols = np.zeros(10000, np.int32)
    assert mixture_bits(symbols, parameters) < 1
    assert len(encode(symbols, parameters)) <= 8


def test_a_symbol_between_two_costs_one_bit():
    parameters = MixtureParameters.from_real([[1.0]], [[0.5]], [[0.11]])
    for symbol in (0, 1):
        assert mixture_bits(np.array([symbol], np.int32), parameters) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("symbol", [-(2**31), -1_000_000, -40, 40, 1_000_000, 2**31 - 1])
def test_a_distant_symbol_costs_the_logarithm_of_its_distance_twice(symbol):
    parameters = MixtureParameters.from_real([[1.0]], [[0.0]], [[1.0]])
    symbols = np.array([symbol], np.int32)
    bits = mixture_bits(symbols, parameters)
    assert bits == pytest.approx(18 + 2 * np.log2(abs(symbol)), abs=2.5)
    decoder = Decoder(encode(symbols, parameters))
    np.testing.assert_array_equal(decoder.get_mixture(parameters), symbols)
    decoder.finish()


def test_the_number_of_lanes_grows_with_the_stream(draw_workload):
    lanes = []
    for count in (100, 20_000, 100_000, 1_000_000):
        workload = draw_workload("wide", count, 1)
        lanes.append(stream_lanes(encode(workload.symbols, workload.parameters)))
    assert lanes == [1, 2, 4, 16]


@pytest.mark.parametrize("lanes", [1, 2, 4, 8, 16, 32, 64])
def test_the_number_of_lanes_can_be_given(draw_workload, lanes):
    workload = draw_workload("peaky", 333)
    stream = encode(workload.symbols, workload.parameters, lanes)
    assert stream_lanes(stream) == lanes
    decoder = Decoder(stream)
    np.testing.assert_array_equal(decoder.get_mixture(workload.parameters), workload.symbols)
    decoder.finish()


@pytest.mark.parametrize("lanes", [0, 3, 128, -1])
def test_other_numbers_of_lanes_are_refused(lanes):
    with pytest.raises(ValueError, match="lanes"):
        Encoder().finish(lanes)


@pytest.mark.parametrize("chunks", [0, 3, 32, -1])
def test_other_numbers_of_chunks_are_refused(chunks):
    with pytest.raises(ValueError, match="chunks"):
        Encoder().finish(1, chunks)


@pytest.mark.parametrize("kind", ["wide", "peaky"])
def test_480000_symbols_cost_at_most_two_thousandths_of_a_bit_too_much(draw_workload, kind):
    workload = draw_workload(kind, 480_000)
    stream = encode(workload.symbols, workload.parameters)
    assert 8 * len(stream) - workload.real_bits() <= 0.002 * 480_000


def test_tables_and_mixtures_mix_in_one_stream(draw_workload, tables):
    workload = draw_workload("peaky", 500)
    channels = (np.arange(300) % 3).astype(np.int32)
    symbols = np.arange(-150, 150, dtype=np.int32)
    encoder = Encoder()
    encoder.put_factorized(symbols, channels, tables)
    encoder.put_mixture(workload.symbols, workload.parameters)
    ideal = factorized_bits(symbols, channels, tables)
    ideal += mixture_bits(workload.symbols, workload.parameters)
    assert encoder.ideal_bits() == pytest.approx(ideal)
    decoder = Decoder(encoder.finish())
    np.testing.assert_array_equal(decoder.get_factorized(channels, tables), symbols)
    np.testing.assert_array_equal(decoder.get_mixture(workload.parameters), workload.symbols)
    decoder.finish()


def test_any_integer_type_is_taken_that_fits(tables):
    channels = np.array([0, 1])
    for dtype in (np.int8, np.uint16, np.int64):
        encoder = Encoder()
        encoder.put_factorized(np.array([0, 1], dtype), channels, tables)
        decoded = Decoder(encoder.finish()).get_factorized(channels, tables)
        assert decoded.dtype == np.int32
        assert decoded.tolist() == [0, 1]


@pytest.mark.parametrize(
    "symbols",
    [np.zeros(2), np.zeros((1, 3), np.int32), np.zeros(2, np.int32), np.full(3, 2**31)],
)
def test_symbols_that_do_not_fit_are_refused(symbols, tables):
    parameters = MixtureParameters.from_real(*np.ones((3, 1, 3)))
    with pytest.raises(ValueError, match="symbols"):
        Encoder().put_mixture(symbols, parameters)
    with pytest.raises(ValueError, match="symbols"):
        Encoder().put_factorized(symbols, np.zeros(3, np.int32), tables)


@pytest.mark.parametrize("channel", [-1, 3])
def test_channels_that_do_not_exist_are_refused(channel, tables):
    channels = np.array([0, channel], np.int32)
    with pytest.raises(ValueError, match="channels"):
        Encoder().put_factorized(np.zeros(2, np.int32), channels, tables)
    with pytest.raises(ValueError, match="channels"):
        Decoder(Encoder().finish()).get_factorized(channels, tables)


def test_the_packages_example_works():
    assert doctest.testmod(lic.entropy_coding) == (0, 10)


def test_a_finished_encoder_takes_nothing_more():
    encoder = Encoder()
    encoder.finish()
    with pytest.raises(RuntimeError, match="finished"):
        encoder.finish()
    with pytest.raises(RuntimeError, match="finished"):
        encoder.check(np.zeros(1, np.int32))
