from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lic.integer_networks import GraphError
from lic.integer_networks.packing import Packed, Weights, pack, unpack

SHAPES = ((1, 1), (7, 13), (64, 96), (3, 3, 5), (5, 5, 16))


def weights_of(shape: tuple[int, ...], bits: int, seed: int) -> Weights:
    """Numbers of so many bits, those of an output times a power of two that leaves 16 bits."""
    random = np.random.default_rng(seed)
    outputs = (shape[0], 1) if len(shape) == 2 else shape[-1]
    shifts = random.integers(0, 17 - bits, outputs)
    numbers = random.integers(-(2 ** (bits - 1)) + 1, 2 ** (bits - 1), shape)
    return (numbers << shifts).astype(np.int16)


@given(st.sampled_from(SHAPES), st.integers(2, 15), st.integers(0, 1000))
def test_weights_come_back_from_as_few_bits_as_they_need(
    shape: tuple[int, ...], bits: int, seed: int
) -> None:
    weights = weights_of(shape, bits, seed)
    packed = pack(weights)
    assert packed is not None
    assert packed.bits <= bits
    assert len(packed.numbers) == -(-weights.size // 8) * packed.bits
    again = unpack(packed)
    assert again.shape == shape
    assert (again == weights).all()
    assert again.dtype == (np.int8 if np.abs(weights).max() <= 127 else np.int16)


def test_the_lowest_bit_of_the_first_byte_comes_first() -> None:
    packed = pack(np.array([[4, -4, 8], [1, -3, 2]], np.int16))
    assert packed is not None
    assert packed.bits == 3
    assert packed.shifts.tolist() == [2, 0]
    # 1, -1, 2, 1, -3, 2: 001 111 010 001 101 010, from the right.
    expected = 0b010_101_001_010_111_001
    assert packed.numbers.tolist() == list(expected.to_bytes(3, "little"))


def test_weights_that_need_all_their_bits_are_not_packed() -> None:
    assert pack(np.array([[127, -1]], np.int8)) is None
    assert pack(np.array([[32767, -1]], np.int16)) is None
    assert pack(np.zeros((2, 3), np.int8)) is not None


@pytest.mark.parametrize(
    "change",
    [
        {"bits": 0},
        {"bits": 17},
        {"bits": 4},
        {"shape": ()},
        {"shape": (9,)},
        {"shape": (7, 0)},
        {"shape": (7, 14)},
        {"shape": (2**20, 2**20)},
        {"numbers": np.zeros(5, np.uint8)},
        {"numbers": np.zeros((5, 7), np.uint8)},
        {"numbers": np.zeros(36, np.int8)},
        {"shifts": np.zeros(6, np.uint8)},
        {"shifts": np.full(7, 16, np.uint8)},
        {"shifts": np.full(7, 15, np.uint8)},
    ],
)
def test_packed_weights_that_do_not_fit_are_named_errors(change: dict[str, Any]) -> None:
    packed = pack(weights_of((7, 13), 3, 1))
    assert isinstance(packed, Packed)
    with pytest.raises(GraphError):
        unpack(replace(packed, **change))
