"""Makes the binary files of this folder again.

``python tests/data/regenerate.py tiny`` makes tiny.safetensors: the untrained preset tiny,
disturbed a little and lowered to integers. ``... golden ID KIND...`` makes golden files of weights:
do so for new weights, or if the format changes. Golden files are there to show that it does not.
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
# Kinds of files to the arguments of `codec.encode`.
KINDS: dict[str, dict[str, Any]] = {
    "q10": {"quality": 10},
    "q55.5": {"quality": 55.5},
    "q95": {"quality": 95},
    "near-lossless": {"max_error": 2},
    "lossless": {"max_error": 0},
}
# Its bytes depend on zlib: it is to be decoded only.
ALL_BOXES = "all-boxes"


def make_tiny() -> None:
    """Make the weights file of integers."""
    import torch

    from lic.codec.weights import codec_bytes
    from lic.models import create_preset
    from lic.models.deployable.model import Deployable
    from lic.quantization.aware_training import quantized
    from lic.quantization.bits import BitPlan

    torch.manual_seed(0)
    picture = read_picture(DATA / "budgie.png")
    pixels = torch.from_numpy(picture).permute(2, 0, 1)[None]
    model = create_preset("tiny")
    assert isinstance(model, Deployable)
    model.initialise(pixels)
    for parameter in model.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.003)
    model.side.freeze()
    network = quantized(model.eval(), [BitPlan()], [picture]).lower()
    (DATA / "tiny.safetensors").write_bytes(codec_bytes(network, "tiny-float"))


def make_golden(weights: str, *kinds: str) -> None:
    """Make files of installed weights, and their digests."""
    pixels = read_picture(DATA / "budgie.png")
    golden = json.loads(GOLDEN.read_text())
    for kind in kinds:
        name = f"{weights}-{kind}.lic"
        facts: dict[str, Any] = {"weights": weights}
        if kind == ALL_BOXES:
            data = codec.encode(_with_everything(pixels), 90, weights)
        else:
            data = codec.encode(pixels, weights=weights, **KINDS[kind])
            facts["asked"] = KINDS[kind]
        facts["sha256"] = hashlib.sha256(data).hexdigest()
        facts["pixels_sha256"] = hashlib.sha256(codec.decode(data).tobytes()).hexdigest()
        (DATA / name).write_bytes(data)
        golden[name] = facts
    GOLDEN.write_text(json.dumps(golden, indent=1) + "\n")


def _with_everything(pixels: Pixels) -> Picture:
    """A picture whose file has all boxes: gray of 16 bits with alpha and metadata of all kinds."""
    part = Picture.from_array(pixels[200:280, 100:220, :2])
    metadata = Metadata(icc=b"a profile", exif=b"II*\0\b\0\0\0\0\0", xmp=b"<x:xmpmeta/>")
    return replace(part, metadata=metadata, original=Original(GRAY, 16))


if __name__ == "__main__":
    {"tiny": make_tiny, "golden": make_golden}[sys.argv[1]](*sys.argv[2:])
