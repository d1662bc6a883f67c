"""Growth in the deployable family: which channels are latents, and how new latents begin.

Latents are four groups wherever they are an axis (`lic.models.deployable.context`), a head has a
part for each output, and a gate has two halves. What all families share is in `lic.models.growth`.
"""

from __future__ import annotations

from fnmatch import fnmatch
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from lic.models.base import CodecModel
from lic.models.deployable.config import DeployableConfig
from lic.models.deployable.context import STEPS
from lic.models.growth import Growth, GrowthError, Parts, copy_grown, undivided
from lic.models.mixture import LOG_SCALE_MIN, outputs_per_latent

if TYPE_CHECKING:
    from lic.models.deployable.model import Deployable

# Sizes that must stay: they decide what the numbers of a tensor mean, not how many there are.
_FIXED = ("hyper", "context_steps", "components", "levels", "lambda_min", "lambda_max")

# Tensors whose outputs, or whose inputs, are latents.
_LATENT_OUTPUTS = (
    "analysis.down.conv.*",
    "*.latent_blocks.*.spatial*",
    "*.latent_blocks.*.channel_out.*",
    "entropy.corrector.*",
)
_LATENT_INPUTS = (
    "*.latent_blocks.*.spatial_*.weight",
    "*.latent_blocks.*.channel_in.weight",
    "synthesis.up.conv.weight",
    "hyper_analysis.stem.weight",
    "entropy.latent_gain.log_gain",
)


@torch.no_grad()
def take_over(model: Deployable, source: CodecModel) -> Growth:
    """Take over a network with fewer or narrower blocks, smaller kernels or fewer latents.

    New latents are zero, and coded for next to nothing, until training finds a use for them.

    Raises
    ------
    GrowthError
        If ``source`` is of another family, larger in any respect, or differs in more than size.
    """
    old, new = source.config, model.config
    if not isinstance(old, DeployableConfig):
        raise GrowthError("the old network is of another family")
    for name in _FIXED:
        if getattr(old, name) != getattr(new, name):
            raise GrowthError(f"{name} cannot change; the old network has {getattr(old, name)}")
    readers = model.synthesis.up.conv.weight.clone()
    growth = copy_grown(model, source, partial(_parts, new), partial(_parts, old))
    group, kept = new.latents // STEPS, old.latents // STEPS
    added = torch.arange(new.latents) % group >= kept
    # Zeros on both sides would have no gradient: the synthesis's readers keep their random start.
    model.synthesis.up.conv.weight[:, added] = readers[:, added]
    for tensor in model.analysis.down.conv.parameters():
        tensor[added] = 0
    # At no quality wider than the narrowest scale, which is not even coded.
    faint = LOG_SCALE_MIN - model.entropy.latent_gain.log_gain.max(0).values
    outputs = outputs_per_latent(new.components)
    step: Any
    for step in model.entropy.steps:
        for head, scales in zip(step.heads, faint.chunk(STEPS), strict=True):
            weight, bias = (t.unflatten(0, (outputs, group)) for t in (head.weight, head.bias))
            weight[:, kept:] = 0
            bias[:, kept:] = 0
            bias[1 : 1 + new.components, kept:] = scales[kept:]
    return growth


def _parts(config: DeployableConfig, name: str, tensor: Tensor) -> Parts:
    """What the axes of a tensor of the family consist of."""
    latents = [config.latents // STEPS] * STEPS
    parts = list(undivided(name, tensor))
    if any(fnmatch(name, pattern) for pattern in _LATENT_OUTPUTS):
        parts[0] = latents
    if any(fnmatch(name, pattern) for pattern in _LATENT_INPUTS):
        parts[1] = latents
    if ".heads." in name:
        parts[0] = [config.latents // STEPS] * outputs_per_latent(config.components)
    elif ".channel_in." in name and not name.startswith("entropy."):  # gated
        parts[0] = [tensor.shape[0] // 2] * 2
    elif name.endswith(".fuse.weight") and tensor.shape[1] > config.features:
        parts[1] = [config.features, *latents]
    return parts
