"""CompressAI's models as codecs to compare with, each rate from a checkpoint of its own."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from lic.codec.errors import LicError
from lic.codec.pixels import Pixels
from lic.codec.tiling import pad_edges


class CheckpointError(LicError):
    """A model's checkpoint cannot be loaded."""

    exit_code = 14


@lru_cache(maxsize=1)
def _load(architecture: str, checkpoint: str) -> Any:
    import torch

    from lic.evaluation.compressai_bridge import zoo

    architectures = zoo.image.model_architectures
    if architecture not in architectures:
        raise CheckpointError(f"CompressAI has no architecture {architecture!r}")
    try:
        state = torch.load(checkpoint, map_location="cpu", weights_only=True)
        state = state.get("state_dict", state)
        model = architectures[architecture].from_state_dict(state)
    except (OSError, EOFError, RuntimeError, LookupError, TypeError, AttributeError) as error:
        raise CheckpointError(f"cannot load {checkpoint} as {architecture}: {error}") from error
    model.update(force=True)
    return model.eval()


@dataclass(frozen=True)
class CompressaiCodec:
    """An architecture of CompressAI's zoo; setting i is checkpoint i, lowest rate first.

    A file is the picture's and the latent's sizes, the strings' lengths, and the strings.
    """

    name: str
    architecture: str
    checkpoints: tuple[str, ...]

    @classmethod
    def parse(cls, words: str) -> CompressaiCodec:
        """From ARCHITECTURE=CHECKPOINT[,CHECKPOINT...]; raises CheckpointError."""
        architecture, _, paths = words.partition("=")
        checkpoints = tuple(path for path in paths.split(",") if path)
        for path in checkpoints or ("",):
            if not Path(path).is_file():
                raise CheckpointError(f"there is no checkpoint {path!r} in {words!r}")
        return cls(architecture, architecture, checkpoints)

    @property
    def settings(self) -> tuple[float, ...]:
        """The checkpoints' places."""
        return tuple(map(float, range(len(self.checkpoints))))

    @property
    def version(self) -> str:
        """The architecture and its checkpoints."""
        return f"{self.architecture} {' '.join(self.checkpoints)}"

    def encode(self, pixels: Pixels, setting: float) -> bytes:
        """A file by the model of a checkpoint."""
        import torch

        height, width = pixels.shape[:2]
        x = torch.from_numpy(pad_edges(pixels)).permute(2, 0, 1)[None] / 255
        with torch.inference_mode():
            packed = _load(self.architecture, self.checkpoints[int(setting)]).compress(x)
        strings = [group[0] for group in packed["strings"]]
        head = (int(setting), width, height, *packed["shape"], len(strings))
        lengths = [len(string) for string in strings]
        return struct.pack(f"<B2I2HB{len(strings)}I", *head, *lengths) + b"".join(strings)

    def decode(self, data: bytes) -> Pixels:
        """The picture of a file."""
        import torch

        *head, count = struct.unpack_from("<B2I2HB", data)
        start = struct.calcsize("<B2I2HB")
        lengths = struct.unpack_from(f"<{count}I", data, start)
        ends = start + 4 * count + np.cumsum([0, *lengths])
        strings = [[data[a:b]] for a, b in pairwise(ends)]
        setting, width, height, *shape = head
        with torch.inference_mode():
            model = _load(self.architecture, self.checkpoints[setting])
            x = model.decompress(strings, shape)["x_hat"]
        pixels = (x[0] * 255).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy()
        return np.ascontiguousarray(pixels[:height, :width])
