"""Measure ``lic encode FOLDER --jobs N``: pictures a second, and how much of the cores it uses.

``python benchmarks/jobs.py PICTURE... --jobs 1 2 --count 200``. The pictures are repeated to make a
folder of that many. A line for each number of jobs: wall and processor time of the whole program,
with starting it, and the rate relative to the first. ``--threads`` is what ``LIC_THREADS`` limits
the threads of the first to; a job has its share of the cores otherwise.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path


def children() -> float:
    """Processor time of all processes that ended, in seconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(command: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Wall and processor time of a command, in seconds."""
    start, before = time.perf_counter(), children()
    subprocess.run(command, check=True, env=environment)
    return time.perf_counter() - start, children() - before


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", nargs="+", type=Path)
    parser.add_argument("--jobs", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--quality", type=float, default=50)
    arguments = parser.parse_args()
    environment = dict(os.environ)
    if arguments.threads:
        environment["LIC_THREADS"] = str(arguments.threads)
    program = str(Path(sys.executable).with_name("lic"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "in")
        folder.mkdir()
        for i, path in enumerate(islice(cycle(arguments.pictures), arguments.count)):
            (folder / f"{i:05}{path.suffix}").symlink_to(path.resolve())
        first = None
        print("| jobs | wall (s) | processor (s) | pictures a second | relative |")
        print("|---|---|---|---|---|")
        for jobs in arguments.jobs:
            command = [program, "encode", str(folder), "--out-dir", f"{name}/{jobs}", "--quiet"]
            command += ["--jobs", str(jobs), "-q", str(arguments.quality)]
            wall, processor = measure(command, environment)
            rate = arguments.count / wall
            first = first or rate
            cells = f"{wall:.1f} | {processor:.1f} | {rate:.2f} | {rate / first:.2f}"
            print(f"| {jobs} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
