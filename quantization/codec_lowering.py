"""A trained network of the default family to a codec of integers."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from lic.entropy_coding.tables import LOGIT_UNIT, MEAN_UNIT, SCALE_LOWEST, SCALE_RATIO
from lic.integer_networks.codec_network import SIDE_LIMIT, SIDE_SCALE, CodecNetwork
from lic.integer_networks.graph import Graph
from lic.models.deployable.model import Deployable
from lic.quantization.calibration import Ranges, calibrate
from lic.quantization.deployable import float_parts
from lic.quantization.lowering import Floats, Target, Units, gain_logarithms, lower, unit_of

ENTROPY_BITS = 8
TRANSFORM_BITS = 12
_PIXEL_UNIT = 1 / 510
"""Pixels are 2 p - 255, which is exactly 510 times what the float network sees."""
# A scale index has 8 fractional bits until the quality's gain is added to it.
_INDEX_UNIT = SCALE_RATIO / 256


@torch.no_grad()
def lower_codec(model: Deployable, crops: Iterable[Tensor]) -> CodecNetwork:
    """Calibrate a network, whose side information is frozen, and round it to integers.

    ``crops`` (1, 3, H, W) in 0..1 are of training pictures, their sides multiples of 64.
    """
    parts = float_parts(model)
    ranges = calibrate(model, parts, crops)
    out, into = parts.analysis.outputs[0], 0
    latents = unit_of(
        np.maximum(
            Units(ranges.analysis, {}).largest(out), Units(ranges.synthesis, {}).largest(into)
        )
    )

    analysis = Units(ranges.analysis, {0: np.full(3, _PIXEL_UNIT), out: latents})
    side = ranges.hyper_analysis.graph.outputs[0]
    hyper_analysis = Units(ranges.hyper_analysis, {0: latents})
    width = ranges.hyper_analysis.maxima[side].numel()
    hyper_synthesis = Units(ranges.hyper_synthesis, {0: np.full(width, 1 / SIDE_SCALE)})
    features = hyper_synthesis.units[parts.hyper_synthesis.outputs[0]]
    synthesis = Units(ranges.synthesis, {0: latents})
    head = parts.synthesis.outputs[0] - 1
    gain = model.entropy.latent_gain.log_gain.detach().double().numpy()
    return CodecNetwork(
        analysis=lower(ranges.analysis, analysis, TRANSFORM_BITS, {}, {"pixels": 255}),
        hyper_analysis=lower(
            ranges.hyper_analysis,
            hyper_analysis,
            TRANSFORM_BITS,
            {side: Target(np.ones(width), low=-SIDE_LIMIT, high=SIDE_LIMIT)},
            {},
        ),
        hyper_synthesis=lower(
            ranges.hyper_synthesis,
            hyper_synthesis,
            ENTROPY_BITS,
            {},
            {"side": SIDE_LIMIT * SIDE_SCALE},
        ),
        steps=tuple(
            _lower_step(seen, features, latents, gain, model.config.components)
            for seen in ranges.steps
        ),
        corrector=None
        if ranges.corrector is None
        else lower(
            ranges.corrector,
            Units(ranges.corrector, {0: features, 1: latents}),
            ENTROPY_BITS,
            {},
            {},
        ),
        synthesis=lower(
            ranges.synthesis,
            synthesis,
            TRANSFORM_BITS,
            {head: Target(np.full(192, 1 / 255), low=0, high=255, shift=0.5)},
            {},
        ),
        to_steps=gain_logarithms(64 * latents * np.exp(gain)),
        from_steps=gain_logarithms(1 / (64 * latents * np.exp(gain))),
        side_counts=model.side.counts.numpy().astype(np.int32),
    )


def _lower_step(
    seen: Ranges, features: Floats, latents: Floats, gain: Floats, components: int
) -> Graph:
    inputs = [at for at, layer in enumerate(seen.graph.layers) if layer.kind == "input"]
    units = Units(seen, dict(zip(inputs, (features, latents), strict=False)))
    mixture = seen.graph.layers[seen.graph.outputs[0]]
    groups = np.split(gain, len(mixture.sources), axis=1)
    targets = {
        head: _head_target(group, components)
        for head, group in zip(mixture.sources, groups, strict=True)
    }
    return lower(seen, units, ENTROPY_BITS, targets, {})


def _head_target(gain: Floats, components: int) -> Target:
    """What a head's parts are in: `lic.integer_networks.layers.Mixture`'s units."""
    count = gain.shape[1]
    flat = np.zeros_like(gain)
    more = components - 1
    scale = (gain - math.log(SCALE_LOWEST)) / _INDEX_UNIT
    units = [MEAN_UNIT] + [_INDEX_UNIT] * components + [MEAN_UNIT] * more + [LOGIT_UNIT] * more
    return Target(
        np.repeat(units, count),
        np.concatenate([gain] + [flat] * components + [gain] * more + [flat] * more, axis=1),
        np.concatenate([flat] + [scale] * components + [flat] * (2 * more), axis=1),
        low=-(2**30),
        high=2**30,
    )
