"""Calls of several threads as one batch, for devices on which a batch costs little more than one.

Threads that code pictures of one size ask for the same graphs. While the device is busy, their
calls wait; when it is free, all that ask for the same run as one. So batches grow as large as
the load asks for, nobody waits for a batch to fill up, and while the network runs for some
pictures, the processor's cores code others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from threading import Condition
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lic.codec.executors.integers import GraphRunner
from lic.integer_networks import Graph, MixtureArrays
from lic.integer_networks.graph import Result

Inputs = tuple[NDArray[np.int16], ...]
Place = Callable[[], AbstractContextManager[Any]]
"""What a batch is run in, such as a stream of CUDA's."""
MOST_NUMBERS = 2**30
"""What a batch of several pictures may hold, all values of its graph together.

They are freed as layers are done, so that a batch needs a fraction of the 8 GiB.
"""


@dataclass(eq=False)
class _Call:
    inputs: Inputs
    result: Future[tuple[Result, ...]] = field(default_factory=Future)
    taken: bool = False


class Batcher:
    """The places of a device, in each of which one batch runs at a time."""

    def __init__(self, places: Sequence[Place]) -> None:
        self._free = list(places)
        self._waiting: dict[Hashable, list[_Call]] = defaultdict(list)
        self._changed = Condition()

    @property
    def waiting(self) -> int:
        """How many calls wait for a place."""
        with self._changed:
            return sum(map(len, self._waiting.values()))

    def run(
        self, key: Hashable, most: int, run: Callable[[Inputs], tuple[Result, ...]], inputs: Inputs
    ) -> tuple[Result, ...]:
        """``run(inputs)``, perhaps along with other calls of the same key, ``most`` at a time."""
        own = _Call(inputs)
        with self._changed:
            self._waiting[key].append(own)
        while True:
            with self._changed:
                self._changed.wait_for(lambda: own.taken or self._free)
                if own.taken:
                    break
                place = self._free.pop()
                calls = self._take(key, most)
            try:
                with place():
                    _run_all(run, calls)
            finally:
                with self._changed:
                    self._free.append(place)
                    self._changed.notify_all()
        return own.result.result()

    def _take(self, key: Hashable, most: int) -> list[_Call]:
        waiting = self._waiting.pop(key)
        if waiting[most:]:
            self._waiting[key] = waiting[most:]
        for call in waiting[:most]:
            call.taken = True
        return waiting[:most]


def _run_all(run: Callable[[Inputs], tuple[Result, ...]], calls: Sequence[_Call]) -> None:
    """Give each call its result, or the error that it alone runs into."""
    if len(calls) > 1:
        try:
            results = _run_together(run, [call.inputs for call in calls])
        except Exception:
            # It may be one call's fault, or too much for the device's memory.
            for call in calls:
                _run_all(run, [call])
        else:
            for call, result in zip(calls, results, strict=True):
                call.result.set_result(result)
        return
    (call,) = calls
    try:
        call.result.set_result(run(call.inputs))
    except BaseException as error:
        call.result.set_exception(error)


def _run_together(
    run: Callable[[Inputs], tuple[Result, ...]], several: Sequence[Inputs]
) -> list[tuple[Result, ...]]:
    joined = tuple(np.concatenate(arrays) for arrays in zip(*several, strict=True))
    results = run(joined)
    ends = np.cumsum([len(inputs[0]) for inputs in several])
    return [
        tuple(_part(result, slice(end - len(inputs[0]), end)) for result in results)
        for inputs, end in zip(several, ends, strict=True)
    ]


def _part(result: Result, pictures: slice) -> Result:
    if isinstance(result, MixtureArrays):
        return MixtureArrays._make(array[pictures] for array in result)
    return result[pictures]


class BatchedGraph:
    """A graph whose calls from several threads run as one batch."""

    def __init__(
        self, graph: Graph, runner: GraphRunner, batcher: Batcher, numbers: int = MOST_NUMBERS
    ) -> None:
        self._graph, self._runner, self._batcher = graph, runner, batcher
        self._numbers = numbers

    def run(self, inputs: Inputs, quality: int) -> tuple[Result, ...]:
        """As `lic.integer_networks.reference.run`."""
        batch, height, width = self._graph.check_inputs(inputs)
        most = int(self._numbers // (self._graph.density * batch * height * width))
        key = (id(self), quality, batch, height, width)
        run = self._runner.run
        return self._batcher.run(key, max(most, 1), lambda joined: run(joined, quality), inputs)
