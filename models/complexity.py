"""Parameters and multiply-accumulates of a model, by module.

Counted by PyTorch's own counter (`torch.utils.flop_counter`: convolutions and matrix products) in a
forward pass of a square picture, without computing anything: on the meta device.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from lic.models.registry import PRESETS, create_preset

# Excluded: coding uses frozen tables in place of the side information's density.
_NOT_CODED = "side"


def parameter_count(model: nn.Module) -> int:
    """Number of trained parameters."""
    return sum(p.numel() for p in model.parameters())


def parts(model: Any) -> dict[str, nn.Module]:
    """A model's parts by name: its children, and those of the entropy path as ``entropy.NAME``."""
    found = dict(model.named_children())
    inner = {f"entropy.{name}": part for name, part in model.entropy.named_children()}
    return {**found, **inner}


def describe(preset: str) -> dict[str, Any]:
    """A preset's model, parameters and cost, in all and by part, as plain values."""
    with torch.device("meta"):
        model = create_preset(preset)
    return {
        "model": PRESETS[preset].model,
        "parameters": parameter_count(model),
        "parameters_by_module": {
            name: parameter_count(part) for name, part in parts(model).items()
        },
        "kmac_per_pixel": {name: round(cost, 3) for name, cost in kmac_per_pixel(model).items()},
    }


@torch.no_grad()
def kmac_per_pixel(model: Any, side: int = 256) -> dict[str, float]:
    """Thousands of multiply-accumulates a pixel, by part (see `parts`), and for encode and decode.

    ``side``, in pixels, is a multiple of 64: attention's cost a pixel depends on it.
    """
    twin = deepcopy(model).to("meta").eval()
    with FlopCounterMode(display=False) as counter:
        twin(
            torch.empty(1, 3, side, side, device="meta"),
            torch.empty(1, device="meta"),
        )
    name = type(twin).__name__
    operations = {
        module.removeprefix(f"{name}."): sum(by_kind.values())
        for module, by_kind in counter.get_flop_counts().items()
    }
    counts = {
        part: _total(operations, part) / 2 / side**2 / 1000
        for part in parts(twin)
        if part != _NOT_CODED
    }
    counts = {part: count for part, count in counts.items() if count}
    entropy, transforms = counts["entropy"], counts["analysis"] + counts["hyper_analysis"]
    counts["encode"] = transforms + entropy
    counts["decode"] = entropy + counts["synthesis"]
    return counts


def _total(operations: dict[str, int], part: str) -> int:
    """Operations of a part; a list of modules is its members' sum, for it is never called."""
    if part in operations:
        return operations[part]
    inner = (o for module, o in operations.items() if module.rpartition(".")[0] == part)
    return sum(inner)
