from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lic.codec.executors import Integers, Quantise, StepParameters
from lic.codec.latent_coding import decode_latents, encode_latents
from lic.entropy_coding import CorruptStreamError, FactorizedTables, MixtureParameters
from lic.integer_networks.codec_network import LATENT_LIMIT

SIDE = np.zeros((1, 1, 1, 1), np.int32)


class OneStep:
    """An executor of one step of n latents, whose parameters are given; nothing else is called."""

    def __init__(
        self, centres: list[int], scales: list[list[int]], selected: list[bool] | None = None
    ) -> None:
        indices = np.array(scales, np.uint8)
        zeros = np.zeros(indices.shape)
        mixture = MixtureParameters(zeros.astype(np.int8), zeros.astype(np.int16), indices)
        mask = None if selected is None else np.array([selected])
        self.parameters = StepParameters(np.array([centres], np.int32), (mixture,), mask)

    def side_tables(self, quality: int) -> FactorizedTables:
        return FactorizedTables.from_probabilities([[1, 2, 1]], [-1])

    def gather(self, targets: NDArray[np.int64], step: int) -> NDArray[np.int64]:
        return targets

    def entropy_path(self, side: Integers, quality: int, quantise: Quantise) -> Any:
        return quantise(0, self.parameters)


def coded(executor: Any, targets: list[int], skip_below: int) -> list[int]:
    """What latents decode to, which the encoder says, too."""
    wanted = np.array([targets], np.int64)
    streams, sent = encode_latents(executor, wanted, SIDE, 0, skip_below)
    received = decode_latents(executor, streams, (1, 1), 0, skip_below)
    assert (sent == received).all()
    return [int(value) for value in received[0]]


def test_a_latent_is_its_centre_and_the_nearest_whole_number_of_steps() -> None:
    executor = OneStep([0, 5, -7, 10], [[99] * 4])
    assert coded(executor, [31, 5 + 33, -7 - 65, 10 - 32], 0) == [0, 5 + 64, -7 - 64, 10]


def test_a_latent_is_coded_if_one_of_its_scales_is_large_enough() -> None:
    executor = OneStep([1, 2, 3], [[4, 5, 4], [4, 4, 5]])
    assert coded(executor, [640, 640, 640], 5) == [1, 642, 643]
    assert coded(executor, [640, 640, 640], 0) == [641, 642, 643]


def test_a_latent_that_is_not_selected_is_not_coded() -> None:
    executor = OneStep([1, 2], [[99, 99]], selected=[False, True])
    assert coded(executor, [640, 640], 0) == [1, 642]


def test_latents_are_limited_however_far_they_should_go() -> None:
    executor = OneStep([0, 0, LATENT_LIMIT], [[99] * 3])
    far = 2**40
    assert coded(executor, [far, -far, far], 0) == [LATENT_LIMIT, -LATENT_LIMIT, LATENT_LIMIT]


def test_another_centre_is_an_error_even_if_every_symbol_fits() -> None:
    streams, _ = encode_latents(OneStep([0], [[0]]), np.array([[0]]), SIDE, 0, 1)  # type: ignore[arg-type]
    with pytest.raises(CorruptStreamError):
        decode_latents(OneStep([1], [[0]]), streams, (1, 1), 0, 1)  # type: ignore[arg-type]


def test_pictures_of_a_batch_have_streams_of_their_own() -> None:
    one, two = OneStep([0, 5], [[99, 99]]), OneStep([-3, 70], [[80, 3]])
    both = OneStep([0, 5], [[99, 99]])
    both.parameters = StepParameters(
        np.concatenate([one.parameters.centres, two.parameters.centres]),
        (*one.parameters.mixtures, *two.parameters.mixtures),
        None,
    )
    targets = np.array([[100, -300], [64, 0]])
    side = np.repeat(SIDE, 2, axis=0)
    streams, sent = encode_latents(both, targets, side, 0, 0)  # type: ignore[arg-type]
    for picture, executor in enumerate((one, two)):
        alone, decoded = encode_latents(executor, targets[picture : picture + 1], SIDE, 0, 0)  # type: ignore[arg-type]
        assert alone[0] == streams[picture]
        assert (decoded[0] == sent[picture]).all()


def test_errors_are_what_targets_have_beyond_what_is_coded() -> None:
    targets = np.array([[31, -90, 700, -(2**40)]])
    executor = OneStep([0, 5, 3, 0], [[99, 99, 2, 99]])
    errors = np.empty(targets.shape, np.int8)
    _, sent = encode_latents(executor, targets, SIDE, 0, 3, errors=errors)  # type: ignore[arg-type]
    assert sent[0, :3].tolist() == [0, 5 - 64, 3]
    assert errors.tolist() == [[31, -31, 127, -127]]
