"""Growth: a larger network takes over a trained one's tensors and computes the same function.

A tensor's axis is a row of parts, each of which may have become longer: a group of latents, one
half of a gate, the features before the latents. The old values stay at the front of their part.
The weights of a layer's new inputs are zero, so that new channels have no effect at first. The
weights of new outputs keep their random start, so that the zeros have a gradient.
A k x k kernel becomes a larger one by zeros around it. Blocks that the old network lacks start as
the identity in any case (`lic.models.layers.TokenMixing`).

This module has the part that all families share. A family defines the parts of its axes, and how
its special layers grow (`lic.models.base.CodecModel.take_over`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor, nn

Parts = Sequence[Sequence[int]]
"""For each of a tensor's first two axes, the sizes of the parts that it consists of."""


class GrowthError(ValueError):
    """A network cannot take over another; the message names what does not fit."""


@dataclass(frozen=True)
class Growth:
    """Names of a grown network's tensors, by where their values come from."""

    taken: tuple[str, ...]
    """Copies of the old network's."""
    enlarged: tuple[str, ...]
    """The old network's, as a part of a larger tensor."""
    new: tuple[str, ...]
    """Those that the old network does not have."""

    def summary(self) -> str:
        """In one line: how many tensors were taken over, and the outermost modules that are new."""
        old = {part for name in (*self.taken, *self.enlarged) for part in _prefixes(name)}
        outermost = {next(p for p in _prefixes(name) if p not in old) for name in self.new}
        told = f"tensors taken over: {len(self.taken)} as they are, {len(self.enlarged)} enlarged"
        return f"{told}; new: {', '.join(sorted(outermost)) or 'none'}"


def _prefixes(name: str) -> list[str]:
    """The modules that a tensor lies in, from the outermost, and the tensor's own name."""
    return list(accumulate(name.split("."), "{}.{}".format))


def undivided(name: str, tensor: Tensor) -> Parts:
    """Axes of one part each."""
    return [[size] for size in tensor.shape[:2]]


@torch.no_grad()
def copy_grown(
    target: nn.Module,
    source: nn.Module,
    target_parts: Callable[[str, Tensor], Parts] = undivided,
    source_parts: Callable[[str, Tensor], Parts] = undivided,
) -> Growth:
    """Copy the tensors of ``source`` to their places in ``target``.

    ``target_parts`` and ``source_parts`` give the parts of a tensor's axes, by its name.

    Raises
    ------
    GrowthError
        If a tensor, or a part of it, has no place in ``target``.
    """
    old, new = source.state_dict(), target.state_dict()
    missing = sorted(set(old) - set(new))
    if missing:
        raise GrowthError(f"the new network has no place for {missing[0]}")
    kinds: dict[str, list[str]] = {"taken": [], "enlarged": [], "new": []}
    for name, tensor in new.items():
        if name not in old:
            kinds["new"].append(name)
        elif tensor.shape == old[name].shape:
            tensor.copy_(old[name])
            kinds["taken"].append(name)
        else:
            places = _places(name, source_parts(name, old[name]), target_parts(name, tensor))
            _enlarge(name, tensor, old[name], places)
            kinds["enlarged"].append(name)
    return Growth(**{kind: tuple(names) for kind, names in kinds.items()})


def _places(name: str, old: Parts, new: Parts) -> list[Tensor]:
    """For each axis, the new indices of the old ones."""
    places = []
    for before, after in zip(old, new, strict=True):
        if len(before) != len(after) or any(a < b for b, a in zip(before, after, strict=True)):
            raise GrowthError(f"{name} would become smaller")
        starts = accumulate(after, initial=0)
        ranges = [torch.arange(n) + s for n, s in zip(before, starts, strict=False)]
        places.append(torch.cat(ranges))
    return places


def _enlarge(name: str, tensor: Tensor, old: Tensor, places: Sequence[Tensor]) -> None:
    """Put an old tensor in a larger one: at ``places`` along the first axes, then in the middle."""
    window = [slice(None)] * 2
    for before, after in zip(old.shape[2:], tensor.shape[2:], strict=True):
        if after < before or (after - before) % 2:
            raise GrowthError(f"{name} would become smaller")
        margin = (after - before) // 2
        window.append(slice(margin, after - margin))
    rows = places[0]
    if tensor.ndim == 1:
        tensor[rows] = old
        return
    # Layers read new inputs with zeros; a gain that is new keeps its start.
    grown = torch.zeros_like(tensor[rows]) if tensor.ndim == 4 else tensor[rows]
    framed = grown[tuple(window)]
    framed[:, places[1]] = old
    tensor[rows] = grown
