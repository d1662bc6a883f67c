"""Quantization-aware training: the network learns to live with its integers.

Two stages of `lic.training`. In the first everything is trained, weights, units and steps: rates
come from latents with noise, as in any training. The second is the hard stage, which trains the
decoder on latents as the encoder finds them (`lic.quantization.encoded`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from lic.codec.pixels import Pixels
from lic.models import HARD, Stage
from lic.models.deployable.model import Deployable
from lic.quantization import encoded
from lic.quantization.bits import BitPlan
from lic.quantization.calibration import calibrate
from lic.quantization.quantized_codec import QuantizedCodec

LEARNING_RATE = 2e-4
HARD_SHARE = 0.4
"""Of the budget."""


def stages() -> tuple[Stage, ...]:
    """Those of one training."""
    hard = replace(
        HARD, parameters=encoded.parameters, output=encoded.EncodedOutput(), learning_rate=0.5
    )
    return Stage("quantization", nn.Module.parameters), hard


def as_tensors(crops: Iterable[Pixels]) -> list[Tensor]:
    """Crops (H, W, 3) as pictures (1, 3, H, W) in 0..1."""
    return [torch.from_numpy(crop).permute(2, 0, 1)[None].float() / 255 for crop in crops]


def quantized(
    model: Deployable, plans: Sequence[BitPlan], crops: Iterable[Pixels]
) -> QuantizedCodec:
    """A network with the bits of plans, calibrated on crops whose sides are multiples of 64.

    The first plan is chosen.
    """
    return QuantizedCodec(model, plans, calibrate(model.eval(), as_tensors(crops)))
