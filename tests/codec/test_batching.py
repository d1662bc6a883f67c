"""Calls of several threads as one batch."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from threading import Event

import numpy as np
import pytest

from lic.codec.executors.batching import MOST_NUMBERS, BatchedGraph, Batcher, Inputs
from lic.integer_networks import Graph
from lic.integer_networks.graph import Result
from lic.integer_networks.reference import run

from ..integer_networks.graphs import assert_equal, inputs_of, mixture

Call = tuple[Inputs, int]


class Runner:
    """The reference, which notes its batches, is held up at the first, and may fail."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self.batches: list[int] = []
        self.entered, self.released = Event(), Event()
        self.largest = 100
        self.refused: Inputs | None = None

    def run(self, inputs: Inputs, quality: int) -> tuple[Result, ...]:
        self.batches.append(len(inputs[0]))
        if not self.entered.is_set():
            self.entered.set()
            assert self.released.wait(60)
        if len(inputs[0]) > self.largest:
            raise MemoryError
        if self.refused is not None and (inputs[0][:1] == self.refused[0]).all():
            raise ValueError("refused")
        return run(self._graph, inputs, quality)


@pytest.fixture
def graph() -> Graph:
    return mixture(3, wide=False)


@pytest.fixture
def runner(graph: Graph) -> Runner:
    return Runner(graph)


def results(
    graph: Graph, runner: Runner, calls: Sequence[Call], numbers: int = MOST_NUMBERS
) -> list[tuple[Result, ...] | BaseException]:
    """What calls give, or the errors that they raise.

    All but the first wait together until the first one is done.
    """
    batcher = Batcher([nullcontext])
    batched = BatchedGraph(graph, runner, batcher, numbers)
    with ThreadPoolExecutor(len(calls)) as pool:
        futures = [pool.submit(batched.run, *calls[0])]
        assert runner.entered.wait(60)
        for count, call in enumerate(calls[1:], start=1):
            futures.append(pool.submit(batched.run, *call))
            while batcher.waiting < count:
                time.sleep(0.001)
        runner.released.set()
        return [future.exception() or future.result() for future in futures]


def calls_of(graph: Graph, *batches: int, quality: int = 4321) -> list[Call]:
    """Calls with so many pictures each, all of one size."""
    pictures = inputs_of(graph, sum(batches), 4, 6)
    ends = np.cumsum(batches)
    return [
        (tuple(array[end - batch : end] for array in pictures), quality)
        for batch, end in zip(batches, ends, strict=True)
    ]


def check(graph: Graph, call: Call, result: tuple[Result, ...] | BaseException) -> None:
    assert not isinstance(result, BaseException)
    assert_equal(result, run(graph, *call))


def test_calls_that_wait_run_as_one(graph: Graph, runner: Runner) -> None:
    calls = calls_of(graph, 1, 1, 1, 1)
    for call, result in zip(calls, results(graph, runner, calls), strict=True):
        check(graph, call, result)
    assert runner.batches == [1, 3]


def test_calls_of_other_sizes_and_qualities_run_alone(graph: Graph, runner: Runner) -> None:
    calls = [*calls_of(graph, 1, 1, 1), *calls_of(graph, 1, quality=9), *calls_of(graph, 2)]
    calls.append((inputs_of(graph, 1, 2, 2), 4321))
    for call, result in zip(calls, results(graph, runner, calls), strict=True):
        check(graph, call, result)
    assert sorted(runner.batches) == [1, 1, 1, 2, 2]


def test_batches_are_bounded_by_what_their_graph_holds(graph: Graph, runner: Runner) -> None:
    calls = calls_of(graph, *[1] * 6)
    numbers = int(2 * 4 * 6 * graph.density)
    for call, result in zip(calls, results(graph, runner, calls, numbers), strict=True):
        check(graph, call, result)
    assert runner.batches == [1, 2, 2, 1]


def test_a_batch_that_is_too_much_for_memory_runs_in_single_calls(
    graph: Graph, runner: Runner
) -> None:
    runner.largest = 1
    calls = calls_of(graph, 1, 1, 1)
    for call, result in zip(calls, results(graph, runner, calls), strict=True):
        check(graph, call, result)
    assert runner.batches == [1, 2, 1, 1]


def test_an_error_is_raised_by_the_call_that_it_belongs_to(graph: Graph, runner: Runner) -> None:
    calls = calls_of(graph, 1, 1, 1)
    runner.refused = calls[1][0]
    first, wrong, last = results(graph, runner, calls)
    check(graph, calls[0], first)
    check(graph, calls[2], last)
    assert isinstance(wrong, ValueError)
