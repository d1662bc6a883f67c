"""From a command's arguments to jobs of one input and one output each, and which may be written."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import click

from lic.codec.errors import LicError, OutputError, PictureError
from lic.codec.input import STANDARD, shown

Existing = Literal["check", "skip", "overwrite", "keep"]
"""What to do with outputs that exist: replace those of the right kind, leave them and go on,
replace any, or refuse."""


@dataclass(frozen=True)
class Job:
    """One file to another; `STANDARD` is the standard input or output."""

    source: Path
    target: Path
    named: bool
    """Whether the target was given; else it was derived from the source."""


@dataclass(frozen=True)
class Naming:
    """What a command reads and writes."""

    what: str
    """One of its inputs, in words."""
    sources: tuple[str, ...]
    """The suffixes of its inputs, in small letters."""
    target: str
    """The suffix of outputs that are not named."""
    magic: bytes | None
    """How its outputs begin, if they all do."""

    def is_source(self, path: Path) -> bool:
        """Whether a path has the suffix of an input."""
        return path.suffix.lower() in self.sources

    def derived(self, source: Path) -> Path:
        """An output's name for an input's."""
        if self.is_source(source):
            return source.with_suffix(self.target)
        return source.with_name(source.name + self.target)


def plan(
    arguments: Sequence[Path], naming: Naming, output: Path | None, folder: Path | None
) -> list[Job]:
    """The jobs of a command, in order.

    Arguments are files, folders (for all inputs below them), patterns, or `STANDARD`. Of two, the
    second is the output, unless it is a folder or has an input's suffix. ``output`` names it
    otherwise. Outputs that are not named go beside their inputs, or to ``folder``, below which the
    trees of folders are repeated.

    Raises
    ------
    click.UsageError
        If that cannot be.
    PictureError
        If a folder or a pattern has no inputs.
    """
    sources = list(arguments)
    if output is None and folder is None and len(sources) == 2:
        last = sources[1]
        if last == STANDARD or not (os.path.isdir(last) or naming.is_source(last)):
            output = sources.pop()
    inputs = dict(pair for source in sources for pair in _inputs(source, naming))
    if STANDARD in inputs and (len(inputs) > 1 or folder is not None):
        raise click.UsageError("the standard input cannot be one of several")
    if output is not None:
        if folder is not None or len(inputs) > 1 or any(os.path.isdir(s) for s in sources):
            raise click.UsageError(f"{output} can be the output of one {naming.what} only")
        return [Job(source, output, named=True) for source in inputs]
    return [_derived(source, place, naming, folder) for source, place in inputs.items()]


def _derived(source: Path, place: Path, naming: Naming, folder: Path | None) -> Job:
    if source == STANDARD:
        return Job(source, STANDARD, named=True)
    base = source if folder is None else folder / place
    return Job(source, naming.derived(base), named=False)


def _inputs(source: Path, naming: Naming) -> Iterator[tuple[Path, Path]]:
    """Inputs, each with its place below the folder of the outputs."""
    if os.path.isdir(source):
        found = sorted(p for p in source.rglob("*") if naming.is_source(p) and p.is_file())
        if not found:
            raise PictureError(f"there is no {naming.what} in the folder {source}")
        yield from ((path, path.relative_to(source)) for path in found)
    elif glob.has_magic(str(source)) and not os.path.exists(source):
        matches = sorted(map(Path, glob.glob(str(source), recursive=True)))
        if not matches:
            raise PictureError(f"no file matches {source}")
        yield from ((path, Path(path.name)) for path in matches)
    else:
        yield source, Path(source.name)


@dataclass
class Screened:
    """Jobs by what is to become of them."""

    ready: list[Job]
    skipped: list[Job]
    failed: list[tuple[Job, LicError]]


def screen(jobs: Sequence[Job], naming: Naming, existing: Existing) -> Screened:
    """Which jobs may be done, so that nothing is written over that should not be."""
    screened, sources = Screened([], [], []), dict[Path, Path]()
    for job in jobs:
        try:
            if job.target != STANDARD:
                other = sources.setdefault(job.target, job.source)
                if other != job.source:
                    raise OutputError(f"{job.target} is the output of {other}, too")
                if _is_skipped(job, naming, existing):
                    screened.skipped.append(job)
                    continue
            screened.ready.append(job)
        except LicError as error:
            screened.failed.append((job, error))
    return screened


def _is_skipped(job: Job, naming: Naming, existing: Existing) -> bool:
    """Whether an output exists and is left; raises OutputError if it must not be written."""
    target = job.target
    try:
        target.stat()
        if job.source != STANDARD and os.path.exists(job.source) and target.samefile(job.source):
            raise OutputError(f"{target} is the input itself")
        if not target.is_file():
            return False  # a device or a pipe; or a folder, which the system refuses
        if existing == "skip":
            return True
        if existing == "keep":
            raise OutputError(f"{target} exists (and --no-overwrite was given)")
        if existing == "check":
            _check_kind(job, naming)
    except FileNotFoundError:
        if job.named and naming.magic is not None and naming.is_source(target):
            _refuse(existing, f"{target} has the suffix of a {naming.what}")
        if job.named and not target.parent.is_dir():
            raise OutputError(
                f"cannot write {target}: there is no folder {target.parent}"
            ) from None
    except OSError as error:
        raise OutputError(f"cannot write {target}: {error.strerror}") from error
    return False


def _check_kind(job: Job, naming: Naming) -> None:
    """Raise OutputError if an existing output may be of value: only its own kind is replaced."""
    if naming.magic is None:
        if not job.named:
            raise OutputError(f"{job.target} exists: give --overwrite or --skip-existing")
        return
    with job.target.open("rb") as file:
        start = file.read(len(naming.magic))
    if start not in (b"", naming.magic):
        _refuse("check", f"{job.target} exists and is no lic file")


def _refuse(existing: Existing, reason: str) -> None:
    if existing != "overwrite":
        raise OutputError(f"{reason}: --overwrite writes it all the same")


def described(job: Job, error: LicError) -> str:
    """An error with the input that it is about, once."""
    name = shown(job.source)
    return str(error) if name in str(error) else f"{name}: {error}"
