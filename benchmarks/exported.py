"""Check and measure what `lic export` writes, in ONNX Runtime on the CPU.

``LIC_THREADS=1 python benchmarks/exported.py FOLDER [--qualities 5 50 95]``. Exports the default
weights, and codes the pictures of a folder at some qualities:

- the exact models must make the same files as `lic encode`, and decode them to the same pixels; it
  ends with an error at the first difference;
- times are medians over the pictures and qualities, all kinds by turns;
- of the fast transforms it prints what they change, in the mean over the pictures: bits and PSNR
  of the network's picture, without the residual layer.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import mean, median
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import numpy as np

from lic.codec import DEFAULT_WEIGHTS, MAX_PIXELS, read_container
from lic.codec.coding import decode_pixels, encode_picture
from lic.codec.container import Container, Header
from lic.codec.latent_coding import encode_latents
from lic.codec.picture import list_pictures, read_picture
from lic.codec.pixels import Pixels
from lic.codec.tiling import Region, cut, padded
from lic.codec.weights import Weights, resolve
from lic.export.codec import ExportedCodec
from lic.export.folder import export

FORMS = ("float32", "int8")
_Result = TypeVar("_Result")


def psnr(a: Pixels, b: Pixels) -> float:
    """In dB, of pictures that are not the same."""
    return float(10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2)))


class Comparison:
    """What was found so far."""

    def __init__(self, native: Weights, folder: Path) -> None:
        exact = ExportedCodec(folder)
        self.fast = {form: ExportedCodec(folder, form=form) for form in FORMS}
        self.weights = {"native": native, "exact": replace(native, executor=exact)}
        self.executors = {"native": native.executor, "exact": exact, **self.fast}
        self.times: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        """Seconds of each measurement, by what and by whom."""
        self.changes: dict[tuple[float, str], list[tuple[float, float]]] = defaultdict(list)
        """Changes of bits, as a part, and of PSNR, by quality and fast transform."""

    def timed(
        self, what: str, who: str, function: Callable[..., _Result], *arguments: Any
    ) -> _Result:
        """Call a function and note its time."""
        start = time.perf_counter()
        result = function(*arguments)
        self.times[what][who].append(time.perf_counter() - start)
        return result

    def files(self, pixels: Pixels, quality: float) -> Container:
        """Code and decode by both; ends the program unless files and pixels are the same."""
        files, pictures = {}, {}
        for who, weights in self.weights.items():
            files[who] = self.timed("encode", who, encode_picture, pixels, quality, weights)
            container = read_container(files["native"], MAX_PIXELS)
            own = partial(self.weights.__getitem__, who)
            pictures[who] = self.timed("decode", who, decode_pixels, container, own)
        same = (pictures["native"] == pictures["exact"]).all()
        if files["native"] != files["exact"] or not same:
            raise SystemExit(f"the exported models differ at quality {quality:g}")
        return container

    def transforms(self, pixels: Pixels, quality: float, header: Header) -> None:
        """Compare the transforms of all forms on the whole picture."""
        height, width = pixels.shape[:2]
        source = cut(pixels, Region(0, 0, padded(height), padded(width)), 0)[0][None]
        native, level = self.executors["native"], header.quality
        found: dict[str, tuple[int, Any]] = {}
        for who, executor in self.executors.items():
            latents = self.timed("analysis", who, executor.analyse, source, level)
            side, targets = native.side_information(latents, level), native.targets(latents, level)
            streams, decoded = encode_latents(native, targets, side, level, header.skip_below)
            found[who] = 8 * len(streams[0]), decoded
        bits, latents = found["native"]
        decibels = {}
        for who, executor in self.executors.items():
            shown = self.timed("synthesis", who, executor.synthesise, latents, level)
            decibels[who] = psnr(shown[0, :height, :width], pixels)
        for form in FORMS:
            own_bits, own_latents = found[form]
            shown = native.synthesise(own_latents, level)[0, :height, :width]
            change = own_bits / bits - 1, psnr(shown, pixels) - decibels["native"]
            self.changes[quality, f"{form} analysis"].append(change)
            change = 0, decibels[form] - decibels["native"]
            self.changes[quality, f"{form} synthesis"].append(change)

    def report(self) -> None:
        """Print medians and means."""
        for what, kinds in self.times.items():
            base = median(kinds["native"])
            ratios = (f"{who} x{median(kinds[who]) / base:.1f}" for who in kinds if who != "native")
            print(f"{what}: native {1000 * base:.0f} ms, {', '.join(ratios)}")
        for (quality, what), pairs in self.changes.items():
            bits, decibels = (mean(column) for column in zip(*pairs, strict=True))
            print(f"quality {quality:g}, {what}: {100 * bits:+.2f} % bits, {decibels:+.3f} dB")


def main() -> None:
    """Picture by picture; then the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--qualities", type=float, nargs="+", default=[5, 50, 95])
    arguments = parser.parse_args()
    with TemporaryDirectory() as folder:
        export(DEFAULT_WEIGHTS, Path(folder) / "exported")
        comparison = Comparison(resolve(DEFAULT_WEIGHTS), Path(folder) / "exported")
    for path in list_pictures([arguments.folder]):
        pixels = read_picture(path)
        for quality in arguments.qualities:
            container = comparison.files(pixels, quality)
            comparison.transforms(pixels, quality, container.header)
        print(f"{path.name}: the same files and pixels", flush=True)
    comparison.report()


if __name__ == "__main__":
    main()
