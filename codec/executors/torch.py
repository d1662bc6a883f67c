"""The executor of networks of floats in torch: the research family, and networks in training.

The transforms run in float32 and may differ in the last bits between machines: the encoder's choose
the symbols, the decoder's make the picture. The entropy path decides what the stream means: it runs
in float64 on the CPU and is rounded to the coder's integers, so that two machines agree unless a
value lies within about 1e-13 of a rounding boundary; the stream's check value catches even that.
`lic.codec.executors.integers` is its sister for networks of integers, which has no such caveats.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lic.codec.executors import Integers, Latents, Quantise, StepParameters
from lic.codec.pixels import Pixels
from lic.entropy_coding import MEAN_UNIT, FactorizedTables
from lic.integer_networks.fixed_point import QUALITY_STEPS
from lic.models import CodecModel
from lic.models.mixture import Mixture

# Targets beyond it, in 1/64 step, would not fit in a symbol.
_TARGET_LIMIT = 2.0**36
_SIDE_LIMIT = 2.0**31 - 1


class FloatExecutor:
    """A model of any family as an `lic.codec.executors.Executor`: latents are float32."""

    def __init__(self, model: CodecModel) -> None:
        self.model = model.eval().requires_grad_(False)
        self.path = deepcopy(model.entropy).double()
        """What decides the probabilities."""

    @property
    def latents(self) -> int:
        """The number of channels M."""
        return int(self.model.config.latents)

    @property
    def latent_type(self) -> type[np.generic]:
        """The type of latents."""
        return np.float32

    @property
    def exact(self) -> bool:
        """Whether all machines show the same pixels: floats are rounded in many ways."""
        return False

    @property
    def halo(self) -> int:
        """How many latents beyond a region of the picture influence its transforms."""
        return self.model.halo

    @torch.inference_mode()
    def analyse(self, pixels: Pixels, quality: int) -> Latents:
        """Latents of pictures (B, H, W, 3)."""
        x = channels_first(pixels).float() / 255
        return _last(self.model.analysis(x, _level(quality, torch.float32)))

    @torch.inference_mode()
    def targets(self, latents: Latents, quality: int) -> NDArray[np.int64]:
        """What the symbols should say: latents (B, h, w, M) in 1/64 of a quantization step."""
        gain = self.path.latent_gain(_level(quality, torch.float64))
        scaled = _last(channels_first(latents).double() * gain) / MEAN_UNIT
        targets: NDArray[np.int64] = np.rint(scaled.clip(-_TARGET_LIMIT, _TARGET_LIMIT)).astype(
            np.int64
        )
        return targets

    def gather(self, targets: NDArray[np.int64], step: int) -> NDArray[np.int64]:
        """The latents of one step (B, n), in order (channel, row, column)."""
        return self.path.gather(channels_first(targets), step).flatten(1).numpy()

    @torch.inference_mode()
    def side_information(self, latents: Latents, quality: int) -> Integers:
        """Symbols (B, h/4, w/4, Z) of the side information of latents."""
        z = self.model.hyper_analysis(channels_first(latents), _level(quality, torch.float32))
        return _last(z.double().round().clamp(-_SIDE_LIMIT, _SIDE_LIMIT)).astype(np.int32)

    def side_tables(self, quality: int) -> FactorizedTables:
        """The distributions of the Z channels of the side information."""
        side = self.model.side
        return side.tables(int(side.nearest_level(_level(quality, torch.float64))))

    @torch.inference_mode()
    def entropy_path(self, side: Integers, quality: int, quantise: Quantise) -> Latents:
        """All steps, for symbols (B, h/4, w/4, Z) of the side information."""

        def steps(step: int, mixture: Mixture) -> Tensor:
            values = quantise(step, _parameters(mixture))
            return (torch.from_numpy(values).double() * MEAN_UNIT).view_as(mixture.centre)

        latents = self.path(channels_first(side).double(), _level(quality, torch.float64), steps)
        return _last(latents.float())

    @torch.inference_mode()
    def synthesise(self, latents: Latents, quality: int) -> Pixels:
        """Pictures (B, H, W, 3) of decoded latents."""
        x = self.model.synthesis(channels_first(latents), _level(quality, torch.float32))
        return _last((x * 255).round().clamp(0, 255).to(torch.uint8))


def _level(quality: int, dtype: torch.dtype) -> Tensor:
    """A quality as the models take it, (1,)."""
    return torch.tensor([quality / QUALITY_STEPS], dtype=dtype)


def channels_first(array: NDArray[Any]) -> Tensor:
    """(B, h, w, C) to a tensor (B, C, h, w)."""
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(array, 3, 1)))


def _last(tensor: Tensor) -> NDArray[Any]:
    """(B, C, h, w) to an array (B, h, w, C)."""
    return np.ascontiguousarray(tensor.permute(0, 2, 3, 1).numpy())


def _parameters(mixture: Mixture) -> StepParameters:
    centres, mixtures = mixture.to_integers()
    coded = mixture.coded
    return StepParameters(centres, mixtures, None if coded is None else coded.flatten(1).numpy())
