"""Whether an error means that memory ran out. Importing this module does not import torch."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from lic.codec.errors import LicError


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


@contextmanager
def out_of_memory_named(name: str) -> Iterator[None]:
    """A context whose work is about an input; raises LicError with its name if memory runs out."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise LicError(f"not enough memory for {name}") from error
