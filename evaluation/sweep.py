"""Rate-distortion sweeps by real files: encode to disk, decode in a fresh process, compare.

Rate is that of the whole file; distortion that of the decoded 8-bit picture. Each quality's
decoder is a new process, which shares nothing with the encoder but the files.
"""

from __future__ import annotations

import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lic.evaluation.metrics import anchors, bd_rate, psnr


@dataclass(frozen=True)
class Point:
    """Averages over the pictures at one quality: rates in bpp, PSNR in dB, times in seconds."""

    quality: float
    bpp: float
    estimated_bpp: float
    psnr: float
    encode_s: float
    decode_s: float


def _encode(
    pictures: Sequence[Path], folder: Path, quality: float, weights: str
) -> list[dict[str, float]]:
    from lic import codec
    from lic.codec.picture import read_picture
    from lic.codec.weights import resolve

    loaded = resolve(weights)
    results = []
    for path in pictures:
        pixels = read_picture(path)
        start = time.perf_counter()
        data = codec.encode(pixels, quality, loaded)
        seconds = time.perf_counter() - start
        (folder / f"{path.stem}.lic").write_bytes(data)
        count = pixels.shape[0] * pixels.shape[1]
        bits = loaded.runtime.estimated_bits(pixels, quality / 100)
        results.append(
            {"bpp": 8 * len(data) / count, "estimated_bpp": bits / count, "encode_s": seconds}
        )
    return results


def _decode(pictures: Sequence[Path], folder: Path) -> list[dict[str, float]]:
    from lic import codec
    from lic.codec.picture import read_picture

    results = []
    for path in pictures:
        data = (folder / f"{path.stem}.lic").read_bytes()
        start = time.perf_counter()
        decoded = codec.decode(data)
        seconds = time.perf_counter() - start
        results.append({"psnr": psnr(read_picture(path), decoded), "decode_s": seconds})
    return results


def sweep(
    pictures: Sequence[Path],
    qualities: Sequence[float],
    weights: str,
    report: Callable[[Point], None],
) -> list[Point]:
    """Measure installed weights on pictures at some qualities (0 to 100), lowest first.

    Raises
    ------
    LicError
        If a picture cannot be coded or the weights are not installed.
    """
    fresh = multiprocessing.get_context("spawn")
    points = []
    for quality in sorted(qualities):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            with ProcessPoolExecutor(1, fresh) as pool:
                encoded = pool.submit(_encode, pictures, folder, quality, weights).result()
            with ProcessPoolExecutor(1, fresh) as pool:
                decoded = pool.submit(_decode, pictures, folder).result()
        rows = [{**e, **d} for e, d in zip(encoded, decoded, strict=True)]
        means = {key: statistics.fmean(row[key] for row in rows) for key in rows[0]}
        points.append(Point(quality=quality, **means))
        report(points[-1])
    return points


def summary(points: Sequence[Point]) -> dict[str, Any]:
    """Columns of the points, and the BD-rates (percent) against the anchors on Kodak."""
    columns = {key: [asdict(p)[key] for p in points] for key in asdict(points[0])}
    rates = {
        name: bd_rate(curve["bpp"], curve["psnr"], columns["bpp"], columns["psnr"])
        for name, curve in anchors().items()
    }
    return {**columns, "bd_rate": rates}
