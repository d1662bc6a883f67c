"""What the fuzzers share: damage to bytes, and a loop that watches time and memory."""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np

MAX_SECONDS = 10.0
MAX_GROWTH = 200 * 2**20


def mutated(data: bytes, random: np.random.Generator) -> bytes:
    """The bytes with one to four changes: bytes set, cut out, doubled or added."""
    changed = bytearray(data)
    for _ in range(random.integers(1, 5)):
        # Half of the changes go to the first bytes, where the structure is.
        reach = 40 if random.random() < 0.5 else len(changed)
        place = int(random.integers(min(reach, len(changed)) + 1))
        length = int(random.integers(1, 9))
        match random.integers(5):
            case 0:
                changed[place : place + 1] = random.bytes(1)
            case 1:
                changed[place : place + length] = random.choice([b"\x00", b"\xff"]) * length
            case 2:
                del changed[place : place + length]
            case 3:
                changed[place:place] = changed[place : place + length]
            case 4:
                changed[place:place] = random.bytes(length)
    return bytes(changed)


def peak_memory() -> int:
    """The most memory that this process has held so far, in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def fuzz(
    inputs: Iterator[bytes],
    outcome: Callable[[bytes], str],
    seconds: float,
    limit: int | None,
    suffix: str,
) -> Counter[str]:
    """Try inputs for some seconds, or as many as ``limit``; counts them by outcome.

    One whose outcome is an exception, or takes too long or too much memory, is written to a file.
    """
    allowed = peak_memory() + MAX_GROWTH
    counts: Counter[str] = Counter()
    end = time.monotonic() + seconds
    while time.monotonic() < end and counts.total() != limit:
        data = next(inputs)
        start = time.monotonic()
        try:
            counts[outcome(data)] += 1
            assert time.monotonic() - start < MAX_SECONDS, "an input took too long"
            assert peak_memory() < allowed, "an input took too much memory"
        except Exception:  # of any kind: the input is kept, and the error goes on
            with tempfile.NamedTemporaryFile(suffix=suffix, delete=False) as file:
                file.write(data)
            print(f"the input is in {file.name}", file=sys.stderr)
            raise
    return counts


def run(description: str, start: Callable[[float, int, int | None], Counter[str]]) -> None:
    """Run ``start`` with seconds, seed and limit of the command line; prints what it counts."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("seconds", type=float)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--inputs", type=int, help="stop after so many")
    arguments = parser.parse_args()
    for name, count in start(arguments.seconds, arguments.seed, arguments.inputs).most_common():
        print(f"{count} {name}")
