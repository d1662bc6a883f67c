"""Whether an error means that memory ran out. Importing this module does not import torch."""

from __future__ import annotations

import sys


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an allocation failed: of Python, NumPy, or torch on any device.

    Torch has an error of its own for its accelerators only. Its allocator for the CPU raises a bare
    RuntimeError, which names the allocator.
    """
    if isinstance(error, MemoryError):
        return True
    torch = sys.modules.get("torch")  # if nobody has imported torch, it did not raise the error
    if torch is None or not isinstance(error, RuntimeError):
        return False
    return isinstance(error, torch.OutOfMemoryError) or "DefaultCPUAllocator" in str(error)
