"""What importing torchvision needs beside a CPU build of torch.

torchvision's build on PyPI declares two of its operators only in a compiled library that a CPU
torch cannot load, and then fails to import. Declared here first, they satisfy it. CompressAI and
lpips import torchvision; nothing in them that is used here calls these operators.
"""

from __future__ import annotations

import torch

_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


def declare() -> None:
    """Declare the operators, if they are missing."""
    for name in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, name):
            torch.library.define(f"torchvision::{name}", _SCHEMA)
