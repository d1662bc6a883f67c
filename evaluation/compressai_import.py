"""Importing CompressAI beside a CPU build of torch.

CompressAI imports torchvision, whose build on PyPI declares two of its operators only in a compiled
library that a CPU torch cannot load, and then fails to import. Declared here first, they satisfy
it; nothing in CompressAI calls them.
"""

from __future__ import annotations

from types import ModuleType

import torch

_OPERATORS = ("nms", "qnms")
_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


def import_compressai() -> ModuleType:
    """The package `compressai`; raises ImportError if it is not installed."""
    for name in _OPERATORS:
        if not hasattr(torch.ops.torchvision, name):
            torch.library.define(f"torchvision::{name}", _SCHEMA)
    import compressai

    module: ModuleType = compressai
    return module
