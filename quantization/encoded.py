"""Latents as the encoder finds them, for the hard stage of networks in integers.

The encoder does not round latents to the nearest symbols: it takes what saves bits
(`lic.codec.rounding`), and corrects the rest by what the decoder shows (`lic.codec.refinement`). So
the decoder sees other latents than those of the training before. Here it learns from just these:
real encoders of integers give the targets of crops, and the network that is trained quantizes them.

Symbols are constants to the gradient: a small change of the network moves what they decode to, and
hardly any symbol. Where one does change, the encoder is indifferent between the two, so that rate
and distortion together do not jump.
"""

from __future__ import annotations

import math
from copy import deepcopy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lic.codec import DEFAULT_EFFORT
from lic.codec.coding import REFINEMENTS, SKIP_SCALE, encode_tile, header_of
from lic.codec.container import QUALITY_STEPS
from lic.codec.executors import Executor, Integers, open_executor
from lic.codec.pixels import Pixels
from lic.codec.refinement import WAYS, corrected_targets, next_correction, refined
from lic.codec.rounding import REFINED, STEP
from lic.codec.tiling import Region
from lic.entropy_coding.tables import SCALE_RATIO
from lic.models import ModelOutput
from lic.models.base import decoder_parameters
from lic.models.mixture import Mixture
from lic.quantization.quantized_codec import QuantizedCodec

_STEPS_OF_AN_ENCODER = 50
"""Of training; after so many, a new one is made of the network as it is by then."""


def parameters(model: QuantizedCodec) -> list[nn.Parameter]:
    """Those of the decoder, but for the quantization steps, which decide what symbols there are."""
    steps = model.entropy.latent_gain.log_gain
    return [parameter for parameter in decoder_parameters(model) if parameter is not steps]


class EncodedOutput:
    """Pictures and likelihoods of latents as the encoder finds them; see this module's docstring.

    It is a stage's output, of a `QuantizedCodec`, pictures with sides that are multiples of 64, and
    qualities.
    """

    def __init__(self) -> None:
        self._model: QuantizedCodec | None = None
        self._executors: dict[int, Executor] = {}
        self._uses = 0

    def __call__(self, model: QuantizedCodec, x: Tensor, quality: Tensor) -> ModelOutput:
        """As `lic.models.CodecModel.forward`."""
        model.draw()
        executor = self._executor(model)
        pixels = (255 * x).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
        encoded = [
            encode(executor, np.ascontiguousarray(picture), round(QUALITY_STEPS * one))
            for picture, one in zip(pixels, quality.tolist(), strict=True)
        ]
        targets, side = (
            torch.from_numpy(np.stack(part)).permute(0, 3, 1, 2).to(x)
            for part in zip(*encoded, strict=True)
        )
        likelihoods = []

        def quantise(step: int, mixture: Mixture) -> Tensor:
            wanted = model.entropy.gather(targets / STEP, step)
            symbols = chosen_symbols(wanted - mixture.centre, mixture)
            likelihoods.append(mixture.likelihood(symbols))
            return symbols + mixture.centre

        decoded = model.entropy(side, quality, quantise)
        return {
            "x_hat": model.synthesis(decoded, quality),
            "likelihoods": {
                "y": torch.cat(likelihoods, dim=1),
                "z": model.side.likelihood(side, quality),
            },
        }

    def _executor(self, model: QuantizedCodec) -> Executor:
        """The encoder of a model, by its plan of bits."""
        if model is not self._model or self._uses == _STEPS_OF_AN_ENCODER:
            self._executors.clear()
            self._model, self._uses = model, 0
        self._uses += 1
        if model.drawn not in self._executors:
            current = deepcopy(model)
            current.side.freeze()
            self._executors[model.drawn] = open_executor(current.lower())
        return self._executors[model.drawn]


def encode(executor: Executor, pixels: Pixels, quality: int) -> tuple[NDArray[np.int64], Integers]:
    """What symbols should say, (h, w, M) in 1/64 step, and the side information (h/4, w/4, Z).

    They are those of a picture (H, W, 3) that is one tile; its sides are multiples of 64.
    """
    height, width = pixels.shape[:2]
    header = header_of(width, height, quality)
    tile = encode_tile(pixels, Region(0, 0, height, width), header, executor)
    shown = executor.synthesise(tile.decoded[None], quality)[0]
    *ways, last = WAYS[: REFINEMENTS[DEFAULT_EFFORT]]
    for way in ways:
        tile = refined(executor, shown, tile, header, way)
        shown = executor.synthesise(tile.decoded[None], quality)[0]
    correction, _ = next_correction(executor, shown, tile, quality, last)
    return corrected_targets(executor, tile.latents, quality, correction)[0], tile.side


@torch.no_grad()
def chosen_symbols(residuals: Tensor, mixture: Mixture) -> Tensor:
    """`lic.codec.rounding.chosen_symbols`, refined, of distances (B, m, h, w) in steps."""
    nearest = torch.floor(residuals + 0.5)
    beyond = residuals.abs() - nearest.abs() + 0.5
    inner = nearest - nearest.sign()
    saved = (mixture.likelihood(inner) / mixture.likelihood(nearest)).log2()
    better = (nearest != 0) & (saved > REFINED * STEP / 4 * beyond)
    # Halfway to the scale below, as scales have been rounded.
    coded = mixture.log_scales.amax(1) > math.log(SKIP_SCALE) - SCALE_RATIO / 2
    return torch.where(better, inner, nearest) * coded
