"""Known answers: digests of what an executor makes of one small picture, kept in weights files.

They show that an executor on this machine computes the same integers as that on which the weights
were made, before a picture depends on it. They are cheap enough to be checked at every loading.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lic.codec.executors import Executor, Integers, Latents, StepParameters
from lic.codec.executors.integers import IntegerExecutor
from lic.codec.pixels import Pixels

QUALITY = 4321
"""At which the picture is coded."""
_SIDE = 64
_Analyse = Callable[[Pixels, int], Latents]


def _picture() -> Pixels:
    """Smooth in one half, noise in the other, (1, 64, 64, 3); the same on every machine."""
    rows, columns = np.mgrid[:_SIDE, :_SIDE]
    smooth = np.stack((4 * rows, 4 * columns, 2 * (rows + columns)), axis=2)
    noise = (np.arange(_SIDE * _SIDE * 3, dtype=np.uint64) * 2654435761 >> 13) % 256
    mixed = np.where(columns[..., None] < _SIDE // 2, smooth, noise.reshape(smooth.shape))
    return mixed[None].astype(np.uint8)


def known_answers(executor: IntegerExecutor) -> dict[str, int]:
    """CRC-32 of what each part of an executor's network gives for the picture.

    The analysis is the one of the weights, without the limits of encoders.
    """
    return answers_after(executor.analyse_without_limits, executor)


def answers_after(analyse: _Analyse, executor: Executor) -> dict[str, int]:
    """Known answers of an analysis, and of all that an executor makes of its latents."""
    found: dict[str, int] = {}

    def note(part: str, *arrays: NDArray[Any]) -> None:
        for array in arrays:
            data = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
            found[part] = zlib.crc32(data, found.get(part, 0))

    latents = analyse(_picture(), QUALITY)
    note("analysis", latents)
    side = executor.side_information(latents, QUALITY)
    note("hyper_analysis", side)
    targets = executor.targets(latents, QUALITY)

    def quantise(step: int, parameters: StepParameters) -> Integers:
        mixture = parameters.mixtures[0]
        note(f"step{step}", parameters.centres, mixture.logits, mixture.means, mixture.scales)
        residual = executor.gather(targets, step) - parameters.centres
        return (parameters.centres + (residual + 32) // 64 * 64).astype(np.int32)

    decoded = executor.entropy_path(side, QUALITY, quantise)
    note("latents", decoded)
    note("synthesis", executor.synthesise(decoded, QUALITY))
    return found


def check_answers(executor: IntegerExecutor, answers: Any) -> None:
    """Raise ValueError if an executor does not give the known answers of its weights."""
    if not isinstance(answers, dict):
        raise ValueError("it has no known answers")
    found = known_answers(executor)
    wrong = [part for part, value in found.items() if answers.get(part) != value]
    if wrong:
        raise ValueError(f"this machine computes other integers in {', '.join(wrong)}")
