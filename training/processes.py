"""The processes of one training: torchrun starts them, and they share their gradients.

They join a group together, and leave it together.
"""

from __future__ import annotations

import gc
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel


def launch(processes: int, program: Sequence[str]) -> None:
    """Replace this process by torchrun, which starts Python with a program's words several times.

    It returns if there is nothing to start: for one process, or in those that torchrun started.
    """
    if processes == 1 or dist.is_torchelastic_launched():
        return
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    os.execv(sys.executable, [sys.executable, *launcher, *program])


@contextmanager
def process_group(device: torch.device) -> Iterator[None]:
    """A context in which torchrun's processes are a group; without torchrun, it does nothing.

    Networks that `shared` wrapped must be out of scope at the end. Their wrappers keep the group's
    threads alive, and Python aborts if one of these threads takes its lock while the process ends.
    """
    if not dist.is_torchelastic_launched():
        yield
        return
    # The warning is about 1x1 kernels in channels-last order; for them all orders are the same.
    warnings.filterwarnings("ignore", "Grad strides do not match bucket view strides")
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield
        gc.collect()  # the wrapper is part of a cycle
        dist.barrier()  # a process whose peer has left aborts, too
    finally:
        dist.destroy_process_group()


def shared(network: nn.Module, device: torch.device) -> nn.Module:
    """A network whose gradients are averaged over the group; without a group, as it is."""
    if not dist.is_initialized():
        return network
    index = [device.index] if device.type == "cuda" else None
    return DistributedDataParallel(network, device_ids=index, gradient_as_bucket_view=True)


def averaged(values: torch.Tensor) -> torch.Tensor:
    """Values averaged over the group, in place."""
    if dist.is_initialized():
        dist.all_reduce(values)
        values /= dist.get_world_size()
    return values


def rank() -> int:
    """The number of this process in the group, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def leads() -> bool:
    """Whether this process is the first or the only one: only that one writes and prints."""
    return rank() == 0
