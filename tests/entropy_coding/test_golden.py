"""A stream written once is read for ever: these bytes do not change without a new format."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from lic.entropy_coding import Decoder, Encoder, FactorizedTables, MixtureParameters
from lic.entropy_coding.reference import ReferenceDecoder, ReferenceEncoder

GOLDEN = Path(__file__).parent / "golden" / "stream.bin"
DIGEST = "5f92ef6e5f49f490a8984f3a18bd97b6765217c2e80d2175d77c8cc43d5c7a3a"


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


def encode(encoder):
    first, second, third = workload()
    encoder.put_mixture(*first)
    encoder.put_factorized(*second)
    encoder.put_mixture(*third)
    return encoder.finish(lanes=4)


def test_the_golden_file_is_the_one_that_was_committed():
    assert hashlib.sha256(GOLDEN.read_bytes()).hexdigest() == DIGEST


@pytest.mark.parametrize("encoder_type", [Encoder, ReferenceEncoder])
def test_the_golden_workload_gives_the_golden_stream(encoder_type):
    assert encode(encoder_type()) == GOLDEN.read_bytes()


@pytest.mark.parametrize("decoder_type", [Decoder, ReferenceDecoder])
def test_the_golden_stream_gives_the_golden_workload(decoder_type):
    decoder = decoder_type(GOLDEN.read_bytes())
    first, second, third = workload()
    np.testing.assert_array_equal(decoder.get_mixture(first[1]), first[0])
    np.testing.assert_array_equal(decoder.get_factorized(*second[1:]), second[0])
    np.testing.assert_array_equal(decoder.get_mixture(third[1]), third[0])
    decoder.finish()
