"""Rate-distortion sweeps by real files: encode to disk, decode in another process, compare.

Rate is that of the whole file; distortion that of the decoded 8-bit picture. Encoding, decoding and
judging happen in different, fresh processes for each codec, which share nothing but the files.
Each row is written to a CSV file when it is measured; a sweep does not measure again the rows that
are already in the file.
"""

from __future__ import annotations

import csv
import io
import math
import multiprocessing
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from lic.codec.errors import LicError
from lic.codec.output import write_file
from lic.codec.picture import read_picture
from lic.codec.workers import end_with_parent
from lic.evaluation.codecs import Codec
from lic.evaluation.metrics import bd_rate, decibel, front, lpips, ms_ssim, psnr


@dataclass(frozen=True)
class Row:
    """One picture through one codec at one setting.

    ``picture`` is the path within the evaluated folder. Rates in bits a pixel, ``psnr`` in dB,
    ``ms_ssim`` in 0..1 (nan for small pictures), ``lpips`` (nan where it is not installed), times
    in seconds, without loading libraries and weights. Memory is the peak of the whole process so
    far, libraries included, in megabytes.
    """

    codec: str
    setting: float
    picture: str
    bpp: float
    psnr: float
    ms_ssim: float
    lpips: float
    encode_s: float
    decode_s: float
    encode_mb: float
    decode_mb: float

    @property
    def key(self) -> tuple[str, float, str]:
        """What was measured."""
        return self.codec, self.setting, self.picture


_MEANS = ("bpp", "ms_ssim", "lpips", "encode_s", "decode_s")
# What a picture without loss counts in means of decibels.
_LOSSLESS_DB = 100.0


def _start_worker(codec: Codec, threads: int) -> None:
    end_with_parent()
    os.environ["OMP_NUM_THREADS"] = str(threads)
    # Libraries and weights are loaded here, outside all clocks.
    codec.decode(codec.encode(np.zeros((8, 8, 3), np.uint8), codec.settings[0]))


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _encode(codec: Codec, setting: float, picture: Path, file: Path) -> dict[str, float]:
    pixels = read_picture(picture)
    start = time.perf_counter()
    data = codec.encode(pixels, setting)
    seconds = time.perf_counter() - start
    file.write_bytes(data)
    bpp = 8 * len(data) / (pixels.shape[0] * pixels.shape[1])
    return {"bpp": bpp, "encode_s": seconds, "encode_mb": _peak_mb()}


def _decode(codec: Codec, file: Path) -> dict[str, float]:
    data = file.read_bytes()
    start = time.perf_counter()
    decoded = codec.decode(data)
    seconds = time.perf_counter() - start
    np.save(file.with_suffix(".npy"), decoded)
    return {"decode_s": seconds, "decode_mb": _peak_mb()}


def _judge(picture: Path, file: Path) -> dict[str, float]:
    pixels, decoded = read_picture(picture), np.load(file.with_suffix(".npy"))
    return {
        "psnr": psnr(pixels, decoded),
        "ms_ssim": ms_ssim(pixels, decoded),
        "lpips": lpips(pixels, decoded),
    }


def read_rows(path: Path) -> list[Row]:
    """The rows of a CSV file of an earlier sweep; none if there is no such file."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        lines = [line for line in csv.DictReader(file) if None not in line.values()]
    return [
        Row(**{k: v if k in ("codec", "picture") else float(v) for k, v in line.items()})  # type: ignore[arg-type]
        for line in lines
    ]


def _lines(rows: Iterable[Row], header: bool = False) -> str:
    """Lines of the CSV file."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, [field.name for field in fields(Row)])
    if header:
        writer.writeheader()
    writer.writerows(map(asdict, rows))
    return text.getvalue()


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
    folder: Path,
    pictures: Sequence[Path],
    table: Path,
    jobs: int,
    report: Callable[[Row], None],
) -> list[Row]:
    """Measure codecs at all their settings on pictures below ``folder``.

    Rows are written to the CSV file ``table``; rows that it already has are not measured again.
    ``jobs`` pictures are coded at a time; times are comparable only with one.

    Raises
    ------
    LicError
        If a picture cannot be coded or weights are not installed.
    """
    rows = {row.key: row for row in read_rows(table)}
    # The file is rewritten to remove a last line that an interruption cut short.
    write_file(table, _lines(rows.values(), header=True).encode())
    with table.open("a", newline="") as file:
        for codec in codecs:
            wanted = [
                (setting, str(picture.relative_to(folder)))
                for setting in codec.settings
                for picture in pictures
            ]
            missing = [w for w in wanted if (codec.version, *w) not in rows]
            for row in _measure(codec, folder, missing, jobs) if missing else ():
                file.write(_lines([row]))
                file.flush()
                rows[row.key] = row
                report(row)
    return [
        rows[codec.version, setting, str(picture.relative_to(folder))]
        for codec in codecs
        for setting in codec.settings
        for picture in pictures
    ]


def _measure(
    codec: Codec, folder: Path, wanted: Sequence[tuple[float, str]], jobs: int
) -> Iterator[Row]:
    fresh = multiprocessing.get_context("spawn")
    options: dict[str, Any] = {
        "mp_context": fresh,
        "initializer": _start_worker,
        "initargs": (codec, max(1, (os.cpu_count() or 1) // jobs)),
    }
    with (
        tempfile.TemporaryDirectory() as name,
        ProcessPoolExecutor(jobs, **options) as encoders,
        ProcessPoolExecutor(jobs, **options) as decoders,
        ProcessPoolExecutor(jobs, fresh, end_with_parent) as judges,
    ):
        for start in range(0, len(wanted), jobs):
            batch = [
                (setting, picture, Path(name) / str(i))
                for i, (setting, picture) in enumerate(wanted[start : start + jobs])
            ]
            # One kind of work after the other, so that all times are measured under the same load.
            encoded = _gather(
                [encoders.submit(_encode, codec, s, folder / p, f) for s, p, f in batch]
            )
            decoded = _gather([decoders.submit(_decode, codec, f) for _, _, f in batch])
            judged = _gather([judges.submit(_judge, folder / p, f) for _, p, f in batch])
            for (s, p, _), e, d, j in zip(batch, encoded, decoded, judged, strict=True):
                yield Row(codec.version, s, p, **e, **d, **j)


def _gather(futures: list[Future[dict[str, float]]]) -> list[dict[str, float]]:
    return [future.result() for future in futures]


def summarise(
    codecs: Sequence[Codec], rows: Sequence[Row], published: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Mean columns of every codec, and the BD-rates between all curves.

    Returns
    -------
    {"codecs": {name: {"setting": [...], "bpp": [...], "psnr": [...], ...}}, "bd_rate": {anchor:
    {name: percent}}, "bd_rate_by_picture": {anchor: {name: {"mean": percent, "worst": percent,
    "worst_picture": picture, "without": [picture, ...], "pictures": {picture: percent}}}}}. Anchors
    are the measured codecs and, for the mean curves, the ``published`` ones. PSNR and the others
    are means over the pictures of each picture's value, as in the literature; a picture without
    loss counts as 100 dB. A picture's curves
    are reduced to their fronts. Those that reach no common quality, often the worst of all, have no
    BD-rate: they are listed in "without", and not part of "mean" and "worst".
    """
    measured = {codec.name: _mean_columns(codec, rows) for codec in codecs}
    rates: dict[str, dict[str, float]] = {}
    for anchor, curve in {**published, **measured}.items():
        found = {
            name: bd_rate(curve["bpp"], curve["psnr"], columns["bpp"], columns["psnr"])
            for name, columns in measured.items()
            if name != anchor
        }
        rates[anchor] = {name: rate for name, rate in found.items() if not math.isnan(rate)}
    return {
        "codecs": measured,
        "bd_rate": rates,
        "bd_rate_by_picture": _rates_by_picture(codecs, rows),
    }


def _mean_columns(codec: Codec, rows: Sequence[Row]) -> dict[str, list[float]]:
    columns: dict[str, list[float]] = {"setting": list(codec.settings)}
    groups = [
        [r for r in rows if r.codec == codec.version and r.setting == setting]
        for setting in codec.settings
    ]
    for key in _MEANS:
        columns[key] = [statistics.fmean(getattr(r, key) for r in g) for g in groups]
    for group in groups:
        decibels = [(row.psnr, decibel(row.ms_ssim)) for row in group]
        for key, values in zip(("psnr", "ms_ssim_db"), zip(*decibels, strict=True), strict=True):
            mean = statistics.fmean(min(value, _LOSSLESS_DB) for value in values)
            columns.setdefault(key, []).append(mean)
    for key in ("encode_mb", "decode_mb"):
        columns[key] = [max(getattr(r, key) for r in g) for g in groups]
    return columns


def _rates_by_picture(
    codecs: Sequence[Codec], rows: Sequence[Row]
) -> dict[str, dict[str, dict[str, Any]]]:
    pictures = sorted({row.picture for row in rows})
    by_key = {row.key: row for row in rows}

    def curve(codec: Codec, picture: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
        points = [by_key[codec.version, setting, picture] for setting in codec.settings]
        return front([p.bpp for p in points], [p.psnr for p in points])

    def compare(anchor: Codec, codec: Codec) -> dict[str, Any]:
        rates = {p: bd_rate(*curve(anchor, p), *curve(codec, p)) for p in pictures}
        known = {picture: rate for picture, rate in rates.items() if not math.isnan(rate)}
        return {
            "mean": statistics.fmean(known.values()) if known else math.nan,
            "worst": max(known.values(), default=math.nan),
            "worst_picture": max(known, key=lambda picture: known[picture], default=None),
            "without": [picture for picture in pictures if picture not in known],
            "pictures": rates,
        }

    return {
        anchor.name: {codec.name: compare(anchor, codec) for codec in codecs if codec is not anchor}
        for anchor in codecs
    }
