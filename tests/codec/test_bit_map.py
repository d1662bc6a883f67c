from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from lic import codec
from lic.codec.bit_map import bit_map, is_lic_file
from lic.codec.coding import encode_picture
from lic.codec.container import read_container
from lic.codec.errors import CorruptFileError, TruncatedFileError
from lic.codec.weights import Weights


def test_the_bits_of_all_blocks_are_those_of_the_streams(
    budgie: NDArray[np.uint8], tiny_weights: Weights, network_alone: None
) -> None:
    data = encode_picture(budgie[:70, :130], 50, tiny_weights, tile=128)
    streams = read_container(data, codec.MAX_PIXELS).streams
    assert len(streams) == 2
    found = bit_map(data, tiny_weights)
    assert found.blocks.shape == (8, 12)
    real = 8 * sum(map(len, streams))
    # A stream has a byte for its lanes, and 5 bytes of a final state with the check value.
    assert real - 2 * 8 * 7 <= 1.001 * found.blocks.sum() <= 1.002 * real
    assert sum(found.parts.values()) == pytest.approx(8 * len(data))
    assert found.blocks.min() >= 0


def test_bits_are_where_there_is_something_to_tell(budgie: NDArray[np.uint8]) -> None:
    pixels = np.full((256, 256, 3), 120, np.uint8)
    pixels[128:, :128] = budgie[200:328, 200:328]
    found = bit_map(codec.encode(pixels, 50)).blocks
    assert found[8:, :8].mean() > 10 * found[:6, 10:].mean()


def test_a_file_without_the_network_has_the_bits_of_its_layer_alone(
    budgie: NDArray[np.uint8],
) -> None:
    data = codec.encode(budgie[:50, :70], max_error=0)
    (layer,) = read_container(data, codec.MAX_PIXELS).layers
    found = bit_map(data)
    assert found.blocks.shape == (4, 8)
    assert found.parts["residual layer"] == 8 * len(layer)
    assert found.parts["latents"] == 0
    assert found.blocks.sum() == pytest.approx(8 * len(layer))
    assert not found.blocks[:, 5:].any()  # beyond the picture


def test_a_damaged_file_has_no_map(budgie: NDArray[np.uint8], network_alone: None) -> None:
    data = codec.encode(budgie[200:264, 200:264])
    assert is_lic_file(data)
    assert not is_lic_file(b"\x89PNG")
    with pytest.raises(TruncatedFileError):
        bit_map(data[:-1])
    container = read_container(data, codec.MAX_PIXELS)
    (stream,) = container.streams
    damaged = replace(container, streams=(stream[:-1],)).to_bytes()
    with pytest.raises(CorruptFileError, match="does not decode"):
        bit_map(damaged)
