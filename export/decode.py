"""Decode a lic file with the models of a folder: python decode.py IN.lic OUT.ppm [FOLDER].

The networks run in ONNX Runtime, or in torch if the folder has programs of it. lic itself reads the
container and decodes entropy-coded symbols and the residual layer; a port to another language has
to do the same by codec/FORMAT.md. Colours are RGB; alpha and metadata are left out. FOLDER is the
one of this program if none is given.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lic import residual_coding
from lic.codec import MAX_PIXELS, read_container
from lic.codec.tiling import Region, padded, tiles
from lic.entropy_coding import Decoder, FactorizedTables, MixtureParameters

STRIDE, SIDE_STRIDE, STEPS, STEP = 16, 64, 4, 64
LATENT_LIMIT = 2**24 - 1
Run = Callable[[dict[str, NDArray[Any]]], list[NDArray[Any]]]


def opened(model: Path) -> Run:
    """A model that is ready to run: arrays by name to arrays."""
    if model.suffix == ".onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(model)
        return lambda inputs: list(session.run(None, inputs))
    import torch

    program = torch.export.load(model).module(check_guards=False)

    def run(inputs: dict[str, NDArray[Any]]) -> list[NDArray[Any]]:
        tensors = {name: torch.from_numpy(array) for name, array in inputs.items()}
        return [output.numpy() for output in program(**tensors)]

    return run


def decode(data: bytes, folder: Path) -> NDArray[np.uint8]:
    """The pixels (height, width, 3) of a file's bytes."""
    manifest = json.loads((folder / "manifest.json").read_text())
    container = read_container(data, MAX_PIXELS)
    if container.weights.digest.hex() != manifest["weights"]["sha256"][:8]:
        raise SystemExit(f"the file was made with other weights: {container.weights.id}")
    header, quality = container.header, np.array([container.header.quality], np.int64)
    models = {path.stem: path for path in (folder / "exact").iterdir()}
    ready: dict[str, Run] = {}

    def run(name: str, **inputs: NDArray[Any]) -> list[Any]:
        if name not in ready:
            ready[name] = opened(models[name])
        return ready[name]({"quality": quality, **inputs})

    def decode_tile(stream: bytes, height: int, width: int) -> NDArray[np.int16]:
        """Latents of a tile of so many pixels."""
        decoder = Decoder(stream)
        (counts,) = run("side_tables")
        lengths = np.full(len(counts), counts.shape[1] - 1, np.int32)
        tables = FactorizedTables(counts.astype(np.uint32), -(lengths // 2), lengths)
        shape = (1, height // SIDE_STRIDE, width // SIDE_STRIDE, len(counts))
        channels = np.tile(np.arange(shape[3], dtype=np.int32), shape[1] * shape[2])
        side = decoder.get_factorized(channels, tables).reshape(shape)
        (features,) = run("hyper_synthesis", side=side)
        decoded = np.zeros((*features.shape[:3], manifest["latents"]), np.int16)
        for step in range(STEPS):
            centres, *arrays = run(f"step{step}", features=features, decoded=decoded)
            mixtures = MixtureParameters(*(a.reshape(a.shape[1], -1) for a in arrays))
            coded = np.flatnonzero(mixtures.scales.max(axis=0) >= header.skip_below)
            values = centres.ravel().astype(np.int64)
            values[coded] += STEP * decoder.get_mixture(mixtures.select(coded)).astype(np.int64)
            values = np.clip(values, -LATENT_LIMIT, LATENT_LIMIT).astype(np.int32)
            decoder.check(values)
            placed = {"values": values.reshape(centres.shape), "step": np.array([step], np.int64)}
            (decoded,) = run("place", decoded=decoded, **placed)
        decoder.finish()
        (latents,) = run("corrector", features=features, decoded=decoded)
        decoded_latents: NDArray[np.int16] = latents[0]
        return decoded_latents

    picture = Region(0, 0, header.height, header.width)
    places = list(tiles(header.width, header.height, header.tile * SIDE_STRIDE))
    sides = (padded(header.height) // STRIDE, padded(header.width) // STRIDE)
    latents = np.zeros((1, *sides, manifest["latents"]), np.int16)
    for place, stream in zip(places, container.streams, strict=True):
        if stream:
            tile = decode_tile(stream, place.height, place.width)
            latents[(0, *place.scaled_down(STRIDE).slices)] = tile
    pixels: NDArray[np.uint8] = run("synthesis", latents=latents)[0][0][picture.slices]
    layers = container.layers or (b"",) * len(places)
    for place, stream, layer in zip(places, container.streams, layers, strict=True):
        if layer:
            part = place.common(picture)
            base = pixels[part.slices] if stream else None
            shown = residual_coding.decode(layer, base, (part.height, part.width))
            pixels[part.slices] = shown
    return pixels


if __name__ == "__main__":
    source, target, *chosen = map(Path, sys.argv[1:])
    shown = decode(source.read_bytes(), chosen[0] if chosen else Path(__file__).parent)
    target.write_bytes(b"P6 %d %d 255\n" % shown.shape[1::-1] + shown.tobytes())
