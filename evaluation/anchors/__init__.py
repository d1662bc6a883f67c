"""Published curves on Kodak, each with its source."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any


def kodak() -> dict[str, dict[str, Any]]:
    """Codecs by name: {"bpp", "psnr", "source"} and, where published, "ms-ssim"."""
    return dict(json.loads((resources.files(__name__) / "kodak.json").read_text()))
