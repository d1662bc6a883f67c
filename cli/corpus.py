"""`lic encode-corpus`: the pictures of a corpus, by all the machines of a Ray cluster.

This process lists the pictures and writes the manifest. Workers, which are Ray's actors, hold the
weights, and read and write the files themselves: only names and facts pass through Ray. A picture
whose output exists is not encoded again, so a run that was killed is continued by another one.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from lic.cli.coding import Encoding, encoding_options, pictures_to_lic
from lic.cli.memory import out_of_memory_named
from lic.cli.progress import Bar
from lic.cli.signals import raise_on_termination
from lic.codec.container import HEADER_BYTES, read_header
from lic.codec.errors import LicError, OutputError, PictureError, SomeFailedError, extra
from lic.codec.input import read_picture_bytes
from lic.codec.manifest import FOLDERS_VARIABLE
from lic.codec.output import remove_abandoned, write_file

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

MANIFEST = "manifest.jsonl"
# Pictures that go to a worker at a time: few of a small corpus, so that all workers end together.
_LARGEST_BLOCK, _BLOCKS_A_WORKER = 256, 8


@dataclass(frozen=True)
class Record:
    """What the manifest says of a picture."""

    source: str
    """Where it was read, a URL."""
    target: str
    """Where its lic file is, a URL."""
    bytes: int | None = None
    """Of the lic file; as all that follows, None if there is an error."""
    bpp: float | None = None
    """Bits a pixel of the lic file."""
    width: int | None = None
    """Pixels."""
    height: int | None = None
    """Pixels."""
    skipped: bool = False
    """Whether the lic file was there already."""
    error: str | None = None
    """Why there is no lic file, in a sentence."""

    def of_file(self, size: int, width: int, height: int) -> Record:
        """The same with the facts of a lic file of so many bytes."""
        return replace(
            self, bytes=size, bpp=8 * size / (width * height), width=width, height=height
        )


@contextmanager
def _errors_as(kind: type[LicError], doing: str) -> Iterator[None]:
    """A context in which any error becomes a LicError that begins with ``doing``."""
    try:
        yield
    except (LicError, MemoryError):
        raise
    except Exception as error:  # each file system has errors of its own, and so has Ray
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise kind(f"{doing}: {reason}") from error


def _opened(url: str, kind: type[LicError]) -> tuple[AbstractFileSystem, str]:
    """A URL's file system, and its path there."""
    from fsspec.core import url_to_fs

    with _errors_as(kind, f"cannot use {url}"):
        return cast("tuple[AbstractFileSystem, str]", url_to_fs(url))


class Worker:
    """Encodes the pictures of a corpus one by one; Ray makes an actor of it."""

    def __init__(
        self,
        encoding: Encoding,
        source: str,
        target: str,
        overwrite: bool,
        environment: dict[str, str],
    ) -> None:
        """``source`` and ``target`` are the corpus' folders; ``environment`` is added to ours."""
        os.environ.update(environment)  # The network's threads are counted when it is loaded.
        self._encoding, self._overwrite = encoding, overwrite
        self._sources, _ = _opened(source, PictureError)
        self._targets, _ = _opened(target, OutputError)
        self._folders: set[str] = set()

    def __call__(self, pair: dict[str, str]) -> dict[str, Any]:
        """The fields of the `Record` of a pair of paths, ``source`` and ``target``."""
        record = Record(
            self._sources.unstrip_protocol(pair["source"]),
            self._targets.unstrip_protocol(pair["target"]),
        )
        try:
            # One picture should not stop the others, whatever there is about it.
            unexpected = _errors_as(LicError, f"cannot encode {record.source}")
            with unexpected, out_of_memory_named(record.source):
                existing = None if self._overwrite else self._existing(record, pair["target"])
                record = existing or self._encode(record, **pair)
        except LicError as error:
            record = replace(record, error=str(error))
        return asdict(record)

    def _existing(self, record: Record, target: str) -> Record | None:
        """The record of a lic file that is there."""
        try:
            with _errors_as(OutputError, f"cannot look at {record.target}"):
                size = self._targets.size(target)
                start = self._targets.cat_file(target, 0, HEADER_BYTES)
        except OutputError as error:
            if isinstance(error.__cause__, FileNotFoundError):
                return None
            raise
        try:
            header = read_header(start)
        except LicError as error:
            raise OutputError(f"{record.target} exists, and {error}") from error
        return replace(record.of_file(size, header.width, header.height), skipped=True)

    def _encode(self, record: Record, source: str, target: str) -> Record:
        reading = _errors_as(PictureError, f"cannot read {record.source}")
        with reading, self._sources.open(source, "rb") as file:
            picture_file = read_picture_bytes(file, record.source)
        data, picture = self._encoding.compress(picture_file)
        with _errors_as(OutputError, f"cannot write {record.target}"):
            self._write(target, data)
        height, width = picture.pixels.shape[:2]
        return record.of_file(len(data), width, height)

    def _write(self, target: str, data: bytes) -> None:
        """Write a file that is complete or absent."""
        from fsspec.implementations.local import LocalFileSystem

        folder = target.rpartition("/")[0]
        local = isinstance(self._targets, LocalFileSystem)
        if folder not in self._folders:
            self._targets.makedirs(folder, exist_ok=True)
            if local:
                remove_abandoned(Path(folder))
            self._folders.add(folder)
        if local:
            write_file(Path(target), data)
            return
        with self._targets.transaction:
            self._targets.pipe_file(target, data)


def list_corpus(source: str, target: str) -> tuple[list[dict[str, str]], list[Record]]:
    """What a `Worker` takes for the pictures below a folder, and what has no output of its own.

    Raises PictureError or OutputError.
    """
    naming = pictures_to_lic()
    sources, root = _opened(source, PictureError)
    targets, base = _opened(target, OutputError)
    with _errors_as(PictureError, f"cannot list {source}"):
        found = [path for path in sorted(sources.find(root)) if naming.is_source(Path(path))]
    if not found:
        raise PictureError(f"there is no picture in the folder {source}")
    pairs: dict[str, str] = {}
    failed = []
    for path in found:
        place = path.removeprefix(root).lstrip("/") or path.rpartition("/")[2]
        output = "/".join([base.rstrip("/"), naming.derived(Path(place)).as_posix()])
        url = sources.unstrip_protocol(path)
        record = Record(_as_text(url), _as_text(targets.unstrip_protocol(output)))
        if record.source != url:
            failed.append(replace(record, error=f"the name {record.source} is no valid UTF-8"))
        elif (other := pairs.setdefault(output, path)) != path:
            other = sources.unstrip_protocol(other)
            failed.append(replace(record, error=f"{record.target} is the output of {other}, too"))
    return [{"source": path, "target": output} for output, path in pairs.items()], failed


def _as_text(name: str) -> str:
    """A name that JSON and Ray can hold: as it is, if it is valid UTF-8 on the disk."""
    return name.encode(errors="backslashreplace").decode()


@contextmanager
def _cluster(address: str | None) -> Iterator[None]:
    """A context with a connection to a cluster; where there is none, this machine is one."""
    import ray

    logging.getLogger("ray.data").setLevel(logging.ERROR)
    if ray.is_initialized():
        yield
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Otherwise Ray reports to its makers.
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    with _errors_as(LicError, "cannot connect to the cluster"):
        ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False)
    raise_on_termination()  # Ray has set a handler of its own.
    try:
        yield
    finally:
        ray.shutdown()


def encoded(
    pairs: list[dict[str, str]],
    arguments: tuple[Encoding, str, str, bool],
    workers: int | None,
    threads: int,
) -> Iterator[dict[str, Any]]:
    """The records of pairs, as they are done by workers of so many threads, or by all that fit.

    ``arguments`` are the first of a `Worker`. There must be a connection to a cluster.

    Raises
    ------
    LicError
        If there is no room for a worker, or the cluster fails.
    """
    import ray
    import ray.data

    device = arguments[0].device
    resources = ray.cluster_resources()
    room = int(resources.get("CPU", 0) // threads)
    if device != "cpu":
        room = min(room, int(resources.get("GPU", 0)))
    workers = workers or room  # A cluster that grows may have no room yet.
    if not workers:
        raise LicError(f"the cluster has no machine for a worker of {threads} threads on {device}")
    environment = {"LIC_THREADS": str(threads)}
    if FOLDERS_VARIABLE in os.environ:
        environment[FOLDERS_VARIABLE] = os.environ[FOLDERS_VARIABLE]
    ray.data.DataContext.get_current().enable_progress_bars = False
    block = min(max(len(pairs) // (workers * _BLOCKS_A_WORKER), 1), _LARGEST_BLOCK)
    corpus = ray.data.from_items(pairs, override_num_blocks=-(-len(pairs) // block))
    records = corpus.map(
        Worker,
        fn_constructor_args=(*arguments, environment),
        compute=ray.data.ActorPoolStrategy(size=workers),
        num_cpus=threads,
        num_gpus=0 if device == "cpu" else 1,
    )
    with _errors_as(LicError, "the cluster failed"):
        yield from records.iter_rows()


@click.command("encode-corpus")
@click.argument("source")
@click.argument("target")
@encoding_options
@click.option("--overwrite", is_flag=True, help="Encode again what is in TARGET.")
@click.option("--manifest", metavar="URL", help=f"The manifest.  [default: TARGET/{MANIFEST}]")
@click.option(
    "--address",
    help="The cluster's, or local for this machine alone.  [default: RAY_ADDRESS, or a cluster "
    "that runs here, or else local]",
)
@click.option("--workers", type=click.IntRange(1), help="Pictures at a time.  [default: all cores]")
@click.option(
    "--threads", type=click.IntRange(1), default=1, show_default=True, help="Cores of a worker."
)
@click.option("--quiet", is_flag=True, help="Say nothing but errors.")
def encode_corpus(
    source: str,
    target: str,
    encoding: Encoding,
    overwrite: bool,
    manifest: str | None,
    address: str | None,
    workers: int | None,
    threads: int,
    quiet: bool,
) -> None:
    """Compress all pictures below the folder SOURCE to TARGET, on a Ray cluster.

    Both are paths that all machines see, or URLs that fsspec knows, such as s3://bucket/pictures.
    What is in TARGET is skipped, so a run that was killed goes on. The manifest has a line of JSON
    for each picture: source, target, bytes, bpp, width, height, skipped, error.
    """
    with extra("ray", "ray"):
        import ray.data  # noqa: F401
    from lic.codec.weights import resolve

    resolve(encoding.weights)  # Without them all pictures would fail.
    start = time.monotonic()
    pairs, failed = list_corpus(source, target)
    total = len(pairs) + len(failed)
    path = manifest or f"{target.rstrip('/')}/{MANIFEST}"
    with _cluster(address), Bar("encoding", not quiet, "pictures") as bar:
        done = encoded(pairs, (encoding, source, target, overwrite), workers, threads)
        count = _write_manifest(path, [asdict(record) for record in failed], done, total, bar)
    kinds = ((count["skipped"], "skipped"), (count["failed"], "failed"))
    notes = [f"{number} {word}" for number, word in kinds if number]
    if not quiet:
        seconds, counts = time.monotonic() - start, f" ({', '.join(notes)})" if notes else ""
        text = f"encoded {count['encoded']} of {total} pictures{counts} in {seconds:.1f} s"
        click.echo(text, err=True)
    if count["failed"]:
        raise SomeFailedError(f"{count['failed']} of {total} pictures failed: {path} says why")


def _write_manifest(
    url: str, failed: list[dict[str, Any]], done: Iterable[dict[str, Any]], total: int, bar: Bar
) -> Counter[str]:
    """Write records as they come, and count what became of the pictures."""
    files, path = _opened(url, OutputError)
    count: Counter[str] = Counter()
    with _errors_as(OutputError, f"cannot write {url}"):
        files.makedirs(path.rpartition("/")[0], exist_ok=True)
        with files.open(path, "w", encoding="utf-8") as file:
            for number, record in enumerate(chain(failed, done), start=1):
                skipped = "skipped" if record["skipped"] else "encoded"
                count["failed" if record["error"] else skipped] += 1
                file.write(json.dumps(record, ensure_ascii=False) + "\n")
                bar(number, total)
    return count
