"""Published curves on Kodak, each with its source."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from lic.codec.picture import read_picture


def kodak() -> dict[str, dict[str, Any]]:
    """Codecs by name: {"bpp", "psnr", "source"} and, where published, "ms-ssim"."""
    return dict(json.loads((resources.files(__name__) / "kodak.json").read_text()))


def known_pictures() -> frozenset[str]:
    """The digests of the 24 pictures of Kodak."""
    return frozenset(json.loads((resources.files(__name__) / "kodak_pictures.json").read_text()))


def are_kodak(pictures: Sequence[Path]) -> bool:
    """Whether picture files are the 24 of Kodak, by their pixels: the curves hold for no others."""
    known = known_pictures()
    return len(pictures) == len(known) and known == {pixel_digest(path) for path in pictures}


def pixel_digest(path: Path) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of a picture's pixels, row by row, RGB."""
    return hashlib.sha256(read_picture(path).tobytes()).hexdigest()[:16]
