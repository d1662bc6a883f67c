"""Makes the binary files of this folder again.

``python tests/data/regenerate.py tiny`` makes tiny.safetensors: the untrained preset tiny,
disturbed a little and lowered to integers; ``... golden`` makes the golden files, by the default
weights. Do so only if the format changes: golden files are there to show that it does not.
"""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from lic import codec
from lic.codec.metadata import GRAY, Metadata, Original
from lic.codec.picture import read_picture
from lic.codec.pixels import Picture, Pixels

DATA = Path(__file__).parent
GOLDEN = DATA / "golden.json"
# Names to the arguments of `codec.encode`.
FILES: dict[str, dict[str, Any]] = {
    "q10": {"quality": 10},
    "q55.5": {"quality": 55.5},
    "q95": {"quality": 95},
    "near-lossless": {"max_error": 2},
    "lossless": {"max_error": 0},
}


def make_tiny() -> None:
    """Make the weights file of integers."""
    import torch

    from lic.codec.weights import codec_bytes
    from lic.models import create_preset
    from lic.models.deployable.model import Deployable
    from lic.quantization.codec_lowering import lower_codec

    torch.manual_seed(0)
    pixels = torch.from_numpy(read_picture(DATA / "budgie.png")).permute(2, 0, 1)[None]
    model = create_preset("tiny")
    assert isinstance(model, Deployable)
    model.initialise(pixels)
    for parameter in model.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.003)
    model.side.freeze()
    network = lower_codec(model.eval(), [pixels.float() / 255])
    (DATA / "tiny.safetensors").write_bytes(codec_bytes(network, "tiny-float"))


def make_golden() -> None:
    """Make the files of the default weights and their digests."""
    pixels = read_picture(DATA / "budgie.png")
    golden = {}
    for kind, asked in FILES.items():
        golden.update(_golden(kind, codec.encode(pixels, **asked), {"asked": asked}))
    # Its bytes depend on zlib: it is to be decoded only.
    golden.update(_golden("all-boxes", codec.encode(_with_everything(pixels), 90), {}))
    GOLDEN.write_text(json.dumps(golden, indent=1) + "\n")


def _golden(kind: str, data: bytes, facts: dict[str, Any]) -> dict[str, Any]:
    name = f"{codec.DEFAULT_WEIGHTS}-{kind}.lic"
    (DATA / name).write_bytes(data)
    facts = {
        "weights": codec.DEFAULT_WEIGHTS,
        **facts,
        "sha256": hashlib.sha256(data).hexdigest(),
        "pixels_sha256": hashlib.sha256(codec.decode(data).tobytes()).hexdigest(),
    }
    return {name: facts}


def _with_everything(pixels: Pixels) -> Picture:
    """A picture whose file has all boxes: gray of 16 bits with alpha and metadata of all kinds."""
    part = Picture.from_array(pixels[200:280, 100:220, :2])
    metadata = Metadata(icc=b"a profile", exif=b"II*\0\b\0\0\0\0\0", xmp=b"<x:xmpmeta/>")
    return replace(part, metadata=metadata, original=Original(GRAY, 16))


if __name__ == "__main__":
    {"tiny": make_tiny, "golden": make_golden}[sys.argv[1]]()
