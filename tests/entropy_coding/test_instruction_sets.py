"""Whatever instructions and threads do the work, the bytes and the symbols are the same."""

import numpy as np
import pytest

from lic.entropy_coding import Decoder, Encoder, MixtureParameters, _native
from lic.entropy_coding.coder import chosen_instruction_set, instruction_sets
from lic.entropy_coding.reference import ReferenceCheck


def test_the_slowest_instruction_set_is_everywhere():
    assert instruction_sets()[-1] == "scalar"


def test_unknown_instruction_sets_are_refused():
    with pytest.raises(ValueError, match="mmx"):
        Encoder(isa="mmx")
    with pytest.raises(ValueError, match="mmx"):
        Decoder(Encoder().finish(), isa="mmx")


@pytest.mark.parametrize("isa", instruction_sets())
def test_the_environment_chooses_the_instruction_set(isa, monkeypatch):
    monkeypatch.setenv("LIC_ISA", isa)
    assert chosen_instruction_set() == isa


def test_any_known_name_is_an_upper_limit(monkeypatch):
    order = ["avx512vnni", "avx512", "avxvnni", "avx2", "sse41", "neon", "scalar"]
    for place, name in enumerate(order):
        monkeypatch.setenv("LIC_ISA", name)
        below = [isa for isa in order[place:] if isa in instruction_sets()]
        assert chosen_instruction_set() == below[0]


def test_the_fastest_is_chosen_unless_something_limits_it(monkeypatch):
    monkeypatch.setenv("LIC_ISA", "")
    assert chosen_instruction_set() == instruction_sets()[0]
    monkeypatch.setenv("LIC_ISA", "mmx")
    with pytest.raises(ValueError, match="'mmx'; the known ones are: avx512vnni"):
        chosen_instruction_set()
    assert chosen_instruction_set("scalar") == "scalar"


@pytest.mark.parametrize("kind", ["wide", "peaky"])
@pytest.mark.parametrize("components", [1, 2, 3, 4])
def test_all_write_the_same_stream_and_read_each_others(draw_workload, kind, components):
    workload = draw_workload(kind, 30_011, components)
    streams = set()
    for isa in instruction_sets():
        encoder = Encoder(isa=isa)
        encoder.put_mixture(workload.symbols, workload.parameters)
        streams.add(encoder.finish(lanes=16))
    assert len(streams) == 1
    for isa in instruction_sets():
        decoder = Decoder(*streams, isa=isa)
        np.testing.assert_array_equal(decoder.get_mixture(workload.parameters), workload.symbols)
        decoder.finish()


@pytest.mark.parametrize("isa", instruction_sets())
def test_rare_symbols_take_two_words(isa):
    # The tails of wide windows have single counts of 2**18: such a symbol empties its lane's state.
    random = np.random.default_rng(4)
    symbols = random.integers(-1000, 1000, 5000).astype(np.int32)
    parameters = MixtureParameters.from_real(
        np.ones((1, 5000)), np.zeros((1, 5000)), np.full((1, 5000), 250.0)
    )
    for lanes in (1, 4, 16, 64):
        encoder = Encoder(isa=isa)
        encoder.put_mixture(symbols, parameters)
        decoder = Decoder(encoder.finish(lanes), isa=isa)
        np.testing.assert_array_equal(decoder.get_mixture(parameters), symbols)
        decoder.finish()


@pytest.mark.parametrize("threads", [1, 2, 3, 16, 1000])
def test_any_number_of_threads_reads_the_same(draw_workload, tables, threads):
    workload = draw_workload("wide", 50_001)
    channels = (np.arange(20_001) % 3).astype(np.int32)
    numbers = (np.arange(20_001) % 7).astype(np.int32)
    encoder = Encoder()
    encoder.put_mixture(workload.symbols, workload.parameters)
    encoder.put_factorized(numbers, channels, tables)
    decoder = Decoder(encoder.finish(lanes=16, chunks=8), threads=threads)
    np.testing.assert_array_equal(decoder.get_mixture(workload.parameters), workload.symbols)
    np.testing.assert_array_equal(decoder.get_factorized(channels, tables), numbers)
    decoder.finish()


@pytest.mark.parametrize("isa", instruction_sets())
@pytest.mark.parametrize("sizes", [[0], [1], [15, 17, 3], [100, 0, 1000]])
def test_the_check_value_is_the_references(isa, sizes):
    random = np.random.default_rng(sum(sizes))
    ours, theirs = _native.CheckValue(isa), ReferenceCheck()
    for size in sizes:
        symbols = random.integers(-(2**31), 2**31, size).astype(np.int32)
        ours.add(symbols)
        theirs.add(symbols)
    assert ours.value() == theirs.value()


def test_the_check_value_notices_any_single_change():
    random = np.random.default_rng(6)
    symbols = random.integers(-5, 5, 200).astype(np.int32)
    values = set()
    for i in range(200):
        for step in (1, -1, 2**20):
            changed = symbols.copy()
            changed[i] += step
            check = ReferenceCheck()
            check.add(changed)
            values.add(check.value())
    assert len(values) >= 599
