"""The processes of one training: torchrun starts them, and they enter and leave together here."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist


@contextmanager
def process_group(device: torch.device) -> Iterator[None]:
    """While it lasts, torchrun's processes are a group; without torchrun, nothing happens.

    What was wrapped for the group must be out of scope at the end: the wrapper keeps the group's
    threads alive, and Python aborts if one of them asks for its lock while the process ends.
    """
    if not dist.is_torchelastic_launched():
        yield
        return
    # It is about 1x1 kernels in channels-last order, which is any order.
    warnings.filterwarnings("ignore", "Grad strides do not match bucket view strides")
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield
        gc.collect()  # the wrapper is part of a cycle
        dist.barrier()  # a process whose peer has left aborts, too
    finally:
        dist.destroy_process_group()


def leads() -> bool:
    """Whether this process is the first, or the only one: the one that writes and speaks."""
    return not dist.is_initialized() or dist.get_rank() == 0
