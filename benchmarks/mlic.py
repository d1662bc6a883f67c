"""Time an MLICv2 network by part, and the growth of its global contexts with the picture.

``python benchmarks/mlic.py PICTURE --preset mlicv2 --threads 2 --json FILE``. The weights are
untrained: the linear start of the picture itself, which codes it like a block transform. Times are
wall-clock seconds (with --cpu those of the process, all threads added, for a busy machine) of one
run after the libraries are loaded; those of the entropy path's modules are from a run of their own.
The growth is that of the last slice's inter-slice context, and of a guided context, in float64 on
latents of square pictures: CPU seconds (the best of three), and the peak of memory beyond what the
process held before (on Linux), each size in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from lic.codec.coding import SKIP_SCALE
from lic.codec.executors.torch import FloatExecutor
from lic.codec.latent_coding import decode_latents, encode_latents
from lic.codec.picture import read_picture
from lic.codec.tiling import TILE_UNIT, pad_edges
from lic.entropy_coding import scale_index
from lic.evaluation.metrics import psnr
from lic.models import PRESETS, create_preset
from lic.models.mlic import MlicConfig
from lic.models.mlic.contexts import GuidedContext, InterSliceContext

Clock = Callable[[], float]

QUALITY = 5000
SIDES = (512, 1024, 2048)


class Stopwatch:
    """Calls functions and adds up the seconds that each name takes."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.times: dict[str, float] = defaultdict(float)

    def __call__(self, name: str, function: Callable[..., Any], *values: Any) -> Any:
        """The result of a call, its seconds added to those of the name."""
        start = self.clock()
        result = function(*values)
        self.times[name] += self.clock() - start
        return result

    def with_all(self) -> dict[str, float]:
        """The seconds by name, and their sum."""
        return {**self.times, "all": sum(self.times.values())}


def ready(preset: str, pixels: np.ndarray) -> FloatExecutor:
    """An untrained network that codes the picture."""
    torch.manual_seed(0)
    model = create_preset(preset)
    height, width = (side // TILE_UNIT * TILE_UNIT for side in pixels.shape[:2])
    model.initialise(torch.from_numpy(pixels[:height, :width]).permute(2, 0, 1)[None])
    model.side.freeze()
    return FloatExecutor(model)


def by_part(
    executor: FloatExecutor, pixels: np.ndarray, clock: Clock
) -> dict[str, dict[str, float]]:
    """Seconds of encoding and decoding the picture, padded, as one tile."""
    pixels = pad_edges(pixels)[None]
    height, width = pixels.shape[1:3]
    skip = int(scale_index(SKIP_SCALE))
    encode, decode = Stopwatch(clock), Stopwatch(clock)
    y = encode("analysis", executor.analyse, pixels, QUALITY)
    z = encode("hyper analysis", executor.side_information, y, QUALITY)
    targets = executor.targets(y, QUALITY)
    name = "entropy path and coder"
    streams, sent = encode(name, encode_latents, executor, targets, z, QUALITY, skip)
    shape = (height // TILE_UNIT, width // TILE_UNIT)
    received = decode(name, decode_latents, executor, streams, shape, QUALITY, skip)
    again = decode("synthesis", executor.synthesise, received, QUALITY)
    assert (sent == received).all()
    facts = {"bpp": 8 * len(streams[0]) / (height * width), "psnr": psnr(pixels[0], again[0])}
    modules = by_module(
        executor, lambda: encode_latents(executor, targets, z, QUALITY, skip), clock
    )
    return {
        "encode": encode.with_all(),
        "decode": decode.with_all(),
        "entropy path": modules,
        "picture": facts,
    }


def by_module(executor: FloatExecutor, run: Callable[[], Any], clock: Clock) -> dict[str, float]:
    """Seconds in each of the entropy path's modules during a run; the rest is the last entry."""
    times: dict[str, float] = defaultdict(float)
    started: dict[nn.Module, float] = {}
    hooks = []
    for name, child in executor.path.named_children():
        for module in child if isinstance(child, nn.ModuleList) else [child]:

            def before(called: nn.Module, _: Any) -> None:
                started[called] = clock()

            def after(called: nn.Module, _: Any, __: Any, name: str = name) -> None:
                times[name] += clock() - started[called]

            hooks.append(module.register_forward_pre_hook(before))
            hooks.append(module.register_forward_hook(after))
    start = clock()
    run()
    total = clock() - start
    for hook in hooks:
        hook.remove()
    return {**times, "coder and the rest": total - sum(times.values())}


def peak_memory() -> float:
    """The most memory that this process held since the peak was last reset, in MiB (Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def growth(preset: str, side: int, threads: int) -> dict[str, float]:
    """Seconds and bytes of the global contexts for a square picture; to run in a new process."""
    torch.set_num_threads(threads)
    config = MlicConfig(**PRESETS[preset].config)
    size, earlier = config.slice_size, config.latents - config.slice_size
    inter = InterSliceContext(earlier, size, config.rotary, config.reweighting).double()
    guided = GuidedContext(size, size, config.rotary, config.reweighting).double()
    plane = torch.randn(1, earlier, side // 16, side // 16, dtype=torch.float64)
    found: dict[str, float] = {}
    with torch.inference_mode():
        small = plane[:, :, :8, :8].contiguous()
        inter(small), guided(small[:, :size], small[:, :size])  # what the libraries take at first
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts again at what is held now
        held = peak_memory()
        runs = {
            "inter-slice": lambda: inter(plane),
            "guided": lambda: guided(plane[:, :size], plane[:, :size]),
        }
        for name, run in runs.items():
            times = []
            for _ in range(3):
                start = time.process_time()
                run()
                times.append(time.process_time() - start)
            found[f"{name} seconds"] = min(times)
    found["mebibytes"] = peak_memory() - held
    return found


def main() -> None:
    """Measure and print; JSON to the file of --json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--preset", default="mlicv2")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--crop", type=int, help="Only so many pixels a side, for a quick try.")
    parser.add_argument("--cpu", action="store_true", help="Count the process' CPU time.")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    pixels = read_picture(arguments.picture)[: arguments.crop, : arguments.crop]
    clock = time.process_time if arguments.cpu else time.perf_counter
    report: dict[str, Any] = by_part(ready(arguments.preset, pixels), pixels, clock)
    processes = multiprocessing.get_context("spawn")
    report["growth"] = {}
    for side in SIDES:
        with processes.Pool(1) as pool:
            values = pool.apply(growth, (arguments.preset, side, arguments.threads))
        report["growth"][str(side)] = values
    print(json.dumps(report, indent=1))
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
