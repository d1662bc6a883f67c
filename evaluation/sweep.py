"""Rate-distortion sweeps by real files: encode to disk, decode in another process, compare.

Rate is that of the whole file; distortion that of the decoded 8-bit picture. Each codec has an
encoding and a decoding pool of fresh processes, which share nothing but the files. What is measured
goes to a CSV file row by row, and a sweep that finds rows there does not measure them again.
"""

from __future__ import annotations

import csv
import math
import multiprocessing
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from lic.codec.errors import LicError
from lic.codec.picture import read_picture
from lic.evaluation import anchors
from lic.evaluation.codecs import Codec
from lic.evaluation.metrics import bd_rate, decibel, ms_ssim, psnr


@dataclass(frozen=True)
class Row:
    """One picture through one codec at one setting.

    Rates in bits a pixel, ``psnr`` in dB, ``ms_ssim`` in 0..1 (nan for small pictures), times in
    seconds, memory (the whole process's peak) in megabytes.
    """

    codec: str
    setting: float
    picture: str
    bpp: float
    estimated_bpp: float
    psnr: float
    ms_ssim: float
    encode_s: float
    decode_s: float
    encode_mb: float
    decode_mb: float

    @property
    def key(self) -> tuple[str, float, str]:
        """What was measured."""
        return self.codec, self.setting, self.picture


_MEANS = ("bpp", "estimated_bpp", "psnr", "ms_ssim", "encode_s", "decode_s")


def _limit_threads(threads: int) -> None:
    os.environ["OMP_NUM_THREADS"] = str(threads)


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _encode(codec: Codec, setting: float, picture: Path, file: Path) -> dict[str, float]:
    pixels = read_picture(picture)
    start = time.perf_counter()
    data = codec.encode(pixels, setting)
    seconds = time.perf_counter() - start
    file.write_bytes(data)
    count = pixels.shape[0] * pixels.shape[1]
    return {
        "bpp": 8 * len(data) / count,
        "encode_s": seconds,
        "encode_mb": _peak_mb(),
        "estimated_bpp": codec.estimate(pixels, setting) / count,
    }


def _decode(codec: Codec, picture: Path, file: Path) -> dict[str, float]:
    data = file.read_bytes()
    start = time.perf_counter()
    decoded = codec.decode(data)
    seconds = time.perf_counter() - start
    memory = _peak_mb()
    pixels = read_picture(picture)
    return {
        "decode_s": seconds,
        "decode_mb": memory,
        "psnr": psnr(pixels, decoded),
        "ms_ssim": ms_ssim(pixels, decoded),
    }


def read_rows(path: Path) -> list[Row]:
    """The rows of a CSV file of an earlier sweep; none if there is no such file."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return [
            Row(**{k: v if k in ("codec", "picture") else float(v) for k, v in line.items()})  # type: ignore[arg-type]
            for line in csv.DictReader(file)
        ]


def usable(pictures: Sequence[Path]) -> tuple[list[Path], dict[str, str]]:
    """The pictures that can be read, and why the others cannot."""
    good, skipped = [], {}
    for path in pictures:
        try:
            read_picture(path)
            good.append(path)
        except LicError as error:
            skipped[str(path)] = str(error)
    return good, skipped


def sweep(
    codecs: Sequence[Codec],
    pictures: Sequence[Path],
    table: Path,
    jobs: int,
    report: Callable[[Row], None],
) -> list[Row]:
    """Measure codecs at all their settings on pictures; rows go to the CSV file ``table``.

    ``jobs`` pictures are coded at a time; times are comparable only with one.

    Raises
    ------
    LicError
        If a picture cannot be coded or weights are not installed.
    """
    rows = {row.key: row for row in read_rows(table)}
    threads = max(1, (os.cpu_count() or 1) // jobs)
    names = [field.name for field in fields(Row)]
    fresh = not rows
    with table.open("a", newline="") as file:
        writer = csv.DictWriter(file, names)
        if fresh:
            writer.writeheader()
        for codec in codecs:
            wanted = [
                (setting, picture)
                for setting in codec.settings
                for picture in pictures
                if (codec.name, setting, picture.name) not in rows
            ]
            for row in _measure(codec, wanted, jobs, threads) if wanted else ():
                writer.writerow(asdict(row))
                file.flush()
                rows[row.key] = row
                report(row)
    order = {codec.name: set(codec.settings) for codec in codecs}
    known = {picture.name for picture in pictures}
    return [r for r in rows.values() if r.setting in order.get(r.codec, ()) and r.picture in known]


def _measure(
    codec: Codec, wanted: Sequence[tuple[float, Path]], jobs: int, threads: int
) -> Iterator[Row]:
    context = multiprocessing.get_context("spawn")
    options: dict[str, Any] = {
        "mp_context": context,
        "initializer": _limit_threads,
        "initargs": (threads,),
    }
    with (
        tempfile.TemporaryDirectory() as folder,
        ProcessPoolExecutor(jobs, **options) as encoders,
        ProcessPoolExecutor(jobs, **options) as decoders,
    ):
        for start in range(0, len(wanted), jobs):
            batch = wanted[start : start + jobs]
            files = [Path(folder) / str(i) for i in range(len(batch))]
            encoded = _gather(
                encoders.submit(_encode, codec, setting, picture, file)
                for (setting, picture), file in zip(batch, files, strict=True)
            )
            decoded = _gather(
                decoders.submit(_decode, codec, picture, file)
                for (_, picture), file in zip(batch, files, strict=True)
            )
            for (setting, picture), e, d in zip(batch, encoded, decoded, strict=True):
                yield Row(codec.name, setting, picture.name, **e, **d)


def _gather(futures: Any) -> list[dict[str, float]]:
    pending: list[Future[dict[str, float]]] = list(futures)
    return [future.result() for future in pending]


def summarise(codecs: Sequence[Codec], rows: Sequence[Row]) -> dict[str, Any]:
    """Mean columns of every codec, and the BD-rates between all curves.

    Returns
    -------
    {"codecs": {name: {"setting": [...], "bpp": [...], "psnr": [...], ...}}, "bd_rate": {anchor:
    {name: percent}}}; anchors are the measured codecs and the published curves on Kodak. PSNR and
    the others are means over the pictures of each picture's value, as in the literature.
    """
    measured: dict[str, dict[str, list[float]]] = {}
    for codec in codecs:
        columns: dict[str, list[float]] = {"setting": list(codec.settings)}
        groups = [
            [r for r in rows if r.codec == codec.name and r.setting == setting]
            for setting in codec.settings
        ]
        for key in _MEANS:
            columns[key] = [statistics.fmean(getattr(r, key) for r in g) for g in groups]
        columns["ms_ssim_db"] = [statistics.fmean(decibel(r.ms_ssim) for r in g) for g in groups]
        for key in ("encode_mb", "decode_mb"):
            columns[key] = [max(getattr(r, key) for r in g) for g in groups]
        measured[codec.name] = columns
    against = {**anchors.kodak(), **measured}
    rates: dict[str, dict[str, float]] = {}
    for anchor, curve in against.items():
        rates[anchor] = {}
        for name, columns in measured.items():
            rate = bd_rate(curve["bpp"], curve["psnr"], columns["bpp"], columns["psnr"])
            if name != anchor and not math.isnan(rate):
                rates[anchor][name] = rate
    return {"codecs": measured, "bd_rate": rates}
