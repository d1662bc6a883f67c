"""A stream written once is read for ever: these bytes do not change without a new format."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from lic.entropy_coding import Decoder, Encoder, FactorizedTables, MixtureParameters
from lic.entropy_coding.coder import instruction_sets
from lic.entropy_coding.reference import ReferenceDecoder, ReferenceEncoder

GOLDEN = Path(__file__).parent / "golden"
# Numbers of lanes and of chunks, and the SHA-256 of the stream.
STREAMS = {
    (1, 1): "ce8f86d41e89fcf377909a6f0f6f6940892732d37371e481444b3e08ebcf78f6",
    (4, 1): "4801b88cb59e0046854ab7172eed85ea7bacab85c373d925dc5cf2d090b2a83f",
    (16, 1): "50531bb4a44cb291aab5de55d5dbc0b1c86f0ab2a2aacfb3a352b1f3211dc507",
    (64, 1): "2beee2473ab98aa62d09729129169d49762ca2eb5d84cb27c20a5d9a6cf65467",
    (16, 4): "5cfe975793ee60c3d12658b7a0bb03c0357876829af768c0916d79879c65acb1",
}
STREAM = pytest.mark.parametrize(("lanes", "chunks"), STREAMS)


class Integers:
    """Numbers that depend on no library: a linear congruential generator."""

    def __init__(self):
        self.state = 1

    def __call__(self, limit):
        """Return the next number in [0, limit)."""
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 33) * limit >> 31


def workload():
    """Return three calls' arguments: two of put_mixture with one of put_factorized between."""
    draw = Integers()
    calls = []
    for components, count in ((3, 700), (1, 301)):
        shape = (components, count)
        logits, means, scales = (
            np.array([draw(limit) for _ in range(components * count)]).reshape(shape)
            for limit in (256, 640, 160)
        )
        parameters = MixtureParameters(
            (logits - 128).astype(np.int8), (means - 320).astype(np.int16), scales.astype(np.uint8)
        )
        symbols = [(int(m) - 320) // 64 + draw(5) - 2 for m in means[0]]
        symbols[::97] = [draw(2**32) - 2**31 for _ in symbols[::97]]
        calls.append((np.array(symbols, np.int32), parameters))
    counts = np.full((4, 12), 65536, np.uint32)
    for channel in range(4):
        counts[channel, : 9 + channel] = [j * j * 655 + j for j in range(8 + channel)] + [65536]
    tables = FactorizedTables(
        counts, np.array([-4, -5, 0, 100], np.int32), np.arange(8, 12, dtype=np.int32)
    )
    channels = np.array([draw(4) for _ in range(500)], np.int32)
    symbols = [int(tables.lows[c]) + draw(12) for c in channels]
    calls.insert(1, (np.array(symbols, np.int32), channels, tables))
    return calls


def golden(lanes, chunks):
    return (GOLDEN / f"stream-{lanes}-{chunks}.bin").read_bytes()


def encode(encoder, lanes, chunks):
    first, second, third = workload()
    encoder.put_mixture(*first)
    encoder.put_factorized(*second)
    encoder.put_mixture(*third)
    return encoder.finish(lanes, chunks)


def check(decoder):
    first, second, third = workload()
    np.testing.assert_array_equal(decoder.get_mixture(first[1]), first[0])
    np.testing.assert_array_equal(decoder.get_factorized(*second[1:]), second[0])
    np.testing.assert_array_equal(decoder.get_mixture(third[1]), third[0])
    decoder.finish()


@STREAM
def test_the_golden_files_are_those_that_were_committed(lanes, chunks):
    assert hashlib.sha256(golden(lanes, chunks)).hexdigest() == STREAMS[lanes, chunks]


@STREAM
def test_the_golden_workload_gives_the_golden_stream(lanes, chunks):
    assert encode(ReferenceEncoder(), lanes, chunks) == golden(lanes, chunks)
    for isa in instruction_sets():
        assert encode(Encoder(isa=isa), lanes, chunks) == golden(lanes, chunks), isa


@STREAM
def test_the_golden_stream_gives_the_golden_workload(lanes, chunks):
    check(ReferenceDecoder(golden(lanes, chunks)))
    for isa in instruction_sets():
        check(Decoder(golden(lanes, chunks), isa=isa))
