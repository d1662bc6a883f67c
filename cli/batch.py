"""Many jobs, in this process or several: what fails does not stop the others.

On the CPU, jobs share the cores best in processes. A device is best used by threads of one process:
their networks run as batches (`lic.codec.executors.batching`), and the weights are there once.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import click

from lic.cli.jobs import Existing, Job, Naming, described, screen
from lic.cli.memory import out_of_memory_named
from lic.cli.progress import Bar
from lic.cli.signals import (
    TERMINATED,
    Terminated,
    interruptions_ignored,
    raise_on_termination,
)
from lic.codec.errors import LicError, SomeFailedError
from lic.codec.input import STANDARD, shown
from lic.codec.output import remove_abandoned
from lic.codec.progress import Report, ignore
from lic.codec.workers import end_with_parent

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

_JOBS_WORTH_A_PROCESS = 4  # starting one takes as long as coding a few pictures


@dataclass(frozen=True)
class Done:
    """What a job has read and written."""

    bytes_read: int
    bytes_written: int
    pixels: int
    compressed: int
    """Bytes of the lic file, whichever of the two it is."""
    notes: Sequence[str] = ()
    """What was lost on the way, in sentences."""

    @property
    def bpp(self) -> float:
        """Bits a pixel."""
        return 8 * self.compressed / self.pixels


class Work(Protocol):
    """What is done for a job; it goes to other processes by pickle."""

    @property
    def verb(self) -> str:
        """The work in one word, without its ending."""
        ...

    @property
    def device(self) -> str:
        """What runs the networks, as `lic.codec.executors.open_executor` has it."""
        ...

    @property
    def fatal(self) -> tuple[type[LicError], ...]:
        """The errors that all other jobs would end with, too."""
        ...

    def __call__(self, job: Job, report: Report) -> Done:
        """Do it; raises LicError."""
        ...


@dataclass(frozen=True)
class Options:
    """How to go about it."""

    at_once: int | None
    """Jobs at a time; None for what suits the device and the number of jobs."""
    existing: Existing
    verbosity: int
    """-1 for errors only, 0, or 1 for a line for each job."""


def run(work: Work, jobs: Sequence[Job], naming: Naming, options: Options) -> None:
    """Do all jobs; a single one's error is raised, and several are listed at the end.

    Raises
    ------
    LicError
        That of the only job, one that is fatal, or SomeFailedError.
    """
    start = time.monotonic()
    screened = screen(jobs, naming, options.existing)
    for folder in {job.target.parent for job in screened.ready}:
        remove_abandoned(folder)
    done: list[Done] = []
    failed = screened.failed
    several = len(jobs) > 1
    at_once = options.at_once or _suitable(work.device, len(screened.ready))
    with Bar(
        f"{work.verb}ing", options.verbosity >= 0, f"{naming.what}s" if several else ""
    ) as bar:
        report = ignore if several else bar
        ended = outcomes(work, screened.ready, at_once, report)
        for count, (job, outcome) in enumerate(ended, start=1):
            if isinstance(outcome, LicError):
                failed.append((job, outcome))
            else:
                done.append(outcome)
                if options.verbosity >= 0:
                    for note in outcome.notes:
                        click.echo(f"{shown(job.source)}: {note}", err=True)
                if options.verbosity > 0 or not (several or options.verbosity):
                    click.echo(_line(job, outcome), err=True)
            if several:
                bar(count, len(screened.ready))
    if several and options.verbosity >= 0:
        click.echo(_summary(work, naming, done, screened.skipped, failed, start), err=True)
    if failed and not several:
        raise failed[0][1]
    for job, error in failed:
        click.echo(f"lic: {described(job, error)}", err=True)
    if failed:
        raise SomeFailedError(f"{len(failed)} of {len(jobs)} {naming.what}s failed")


def _line(job: Job, done: Done) -> str:
    target = "the standard output" if job.target == STANDARD else str(job.target)
    sizes = f"{done.bytes_read} to {done.bytes_written} bytes"
    return f"{shown(job.source)} to {target}: {sizes}, {done.bpp:.4f} bpp"


def _summary(
    work: Work,
    naming: Naming,
    done: Sequence[Done],
    skipped: Sequence[Job],
    failed: Sequence[tuple[Job, LicError]],
    start: float,
) -> str:
    total = len(done) + len(skipped) + len(failed)
    text = f"{work.verb}ed {len(done)} of {total} {naming.what}s"
    notes = [f"{len(n)} {word}" for n, word in ((skipped, "skipped"), (failed, "failed")) if n]
    if notes:
        text += f" ({', '.join(notes)})"
    if done:
        seconds = max(time.monotonic() - start, 1e-3)
        sizes = (sum(getattr(d, name) for d in done) for name in ("bytes_read", "bytes_written"))
        read, written = (f"{size / 1e6:.2f} MB" for size in sizes)
        bpp = 8 * sum(d.compressed for d in done) / sum(d.pixels for d in done)
        text += f": {read} to {written}, {bpp:.4f} bpp, in {seconds:.1f} s"
        text += f", {len(done) / seconds:.1f} a second"
    return text


def _cores() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _suitable(device: str, jobs: int) -> int:
    if device != "cpu":
        from lic.codec.streams import ON_A_DEVICE

        return ON_A_DEVICE
    return max(1, min(_cores(), jobs // _JOBS_WORTH_A_PROCESS))


def outcomes(
    work: Work, jobs: Sequence[Job], at_once: int, report: Report
) -> Iterator[tuple[Job, Done | LicError]]:
    """Jobs with what became of them, as they end; ``report`` is for a job that is done alone.

    Raises
    ------
    LicError
        If a process ended by itself, or an error is fatal.
    """
    at_once = min(at_once, len(jobs))
    if at_once <= 1:
        yield from ((job, _attempt(work, job, report)) for job in jobs)
    elif work.device == "cpu":
        yield from _in_processes(work, jobs, at_once)
    else:
        yield from _in_threads(work, jobs, at_once)


def _in_processes(
    work: Work, jobs: Sequence[Job], count: int
) -> Iterator[tuple[Job, Done | LicError]]:
    """As `outcomes`; each process loads the weights once, and has its share of the cores."""
    # Loaded here, since a single file should not wait for them.
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool

    def end() -> None:
        for child in multiprocessing.active_children():
            child.terminate()

    context = multiprocessing.get_context("spawn")
    threads = max(1, _cores() // count)
    with ProcessPoolExecutor(count, context, _start_worker, (threads,)) as pool:
        try:
            yield from _in_pool(pool, _attempt_or_end, work, jobs, end)
        except BrokenProcessPool as error:
            raise LicError("one of the processes ended: there may be too little memory") from error


def _in_threads(
    work: Work, jobs: Sequence[Job], count: int
) -> Iterator[tuple[Job, Done | LicError]]:
    """As `outcomes`; after an interruption, jobs that have begun are done."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(count) as pool:
        yield from _in_pool(pool, _attempt, work, jobs, lambda: None)


def _in_pool(
    pool: Executor,
    attempt: Callable[[Work, Job], Done | LicError],
    work: Work,
    jobs: Sequence[Job],
    end: Callable[[], None],
) -> Iterator[tuple[Job, Done | LicError]]:
    """Jobs with what became of them; if this is interrupted, ``end`` is called for the workers."""
    from concurrent.futures import as_completed

    # A terminal's Ctrl-C reaches all processes: this one is told of it, and ends the others.
    with interruptions_ignored():
        futures: dict[Future[Done | LicError], Job] = {
            pool.submit(attempt, work, job): job for job in jobs
        }
    try:
        for future in as_completed(futures):
            yield futures.pop(future), future.result()
    finally:  # of the jobs that are left
        if futures:
            pool.shutdown(wait=False, cancel_futures=True)
            end()


def _attempt(work: Work, job: Job, report: Report = ignore) -> Done | LicError:
    try:
        with out_of_memory_named(shown(job.source)):
            return work(job, report)
    except LicError as error:
        if isinstance(error, work.fatal):
            raise
        return error


def _attempt_or_end(work: Work, job: Job) -> Done | LicError:
    try:
        return _attempt(work, job)
    except Terminated:
        os._exit(TERMINATED)  # the pool would take it for a result, and go on


def _start_worker(threads: int) -> None:
    os.environ["LIC_THREADS"] = os.environ["OMP_NUM_THREADS"] = str(threads)
    raise_on_termination()
    end_with_parent()
