"""A codec of integers to take apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from lic.codec.weights import read_codec
from lic.integer_networks.codec_network import CodecNetwork

TINY = Path(__file__).parents[1] / "data" / "tiny.safetensors"


@pytest.fixture(scope="session")
def network() -> CodecNetwork:
    """The codec of the tests' integer weights."""
    return read_codec(TINY.read_bytes())[1]
