"""lic's models as CompressAI models, so that its tools work on them.

Importing this module registers every preset with CompressAI under the name ``lic-PRESET``. A preset
has one network for all rates: the attribute ``quality`` (0 to 1) of the model chooses the rate.
CompressAI's own evaluation, with these models known to it:

    python -m lic.evaluation.compressai_bridge checkpoint FOLDER -a lic-small -p CHECKPOINT

where the checkpoint is a state dict of the model. CompressAI counts the strings' bits alone; `lic
eval` counts whole files.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from lic.codec.container import QUALITY_STEPS
from lic.codec.executors.torch import FloatExecutor
from lic.codec.latent_coding import decode_latents, encode_latents
from lic.codec.pixels import Pixels
from lic.codec.tiling import TILE_UNIT
from lic.evaluation import torchvision_operators
from lic.models import PRESETS, ModelOutput, create_preset

torchvision_operators.declare()

from compressai import zoo as zoo  # noqa: E402
from compressai.models import CompressionModel  # noqa: E402
from compressai.registry import register_model  # noqa: E402


class LicCompressionModel(CompressionModel):  # type: ignore[misc]
    """A preset's network behind CompressAI's interface; ``quality`` is 0 to 1."""

    preset: ClassVar[str]

    def __init__(self, quality: float = 0.5) -> None:
        super().__init__()
        self.quality = quality
        self.codec = create_preset(self.preset)
        self._executor: list[FloatExecutor] = []  # in a list: not a part of this module's state

    @property
    def downsampling_factor(self) -> int:
        """The sides of a picture must be multiples of this."""
        return self.codec.side_stride

    def forward(self, x: Tensor) -> ModelOutput:
        """Pictures (B, 3, H, W) in 0..1 to pictures and likelihoods."""
        out: ModelOutput = self.codec(x, x.new_full((x.shape[0],), self.quality))
        return out

    def update(self, scale_table: Any = None, force: bool = False, **_: Any) -> bool:
        """Freeze the integer tables and the entropy path; True if they were not frozen before."""
        if self._executor and not force:
            return False
        twin = create_preset(self.preset)
        twin.load_state_dict({k: v.detach().cpu() for k, v in self.codec.state_dict().items()})
        twin.side.freeze()
        self._executor[:] = [FloatExecutor(twin)]
        return True

    @torch.no_grad()
    def compress(self, x: Tensor) -> dict[str, Any]:
        """Streams of pictures (B, 3, H, W), and the shape of their side information."""
        self.update()
        (executor,) = self._executor
        quality = self._steps()
        y = executor.analyse(_bytes(x), quality)
        side, targets = executor.side_information(y, quality), executor.targets(y, quality)
        streams, _ = encode_latents(executor, targets, side, quality, 0)
        return {"strings": [streams], "shape": torch.Size(s // TILE_UNIT for s in x.shape[-2:])}

    @torch.no_grad()
    def decompress(
        self, strings: Sequence[Sequence[bytes]], shape: Sequence[int]
    ) -> dict[str, Any]:
        """Pictures of streams, within 0..1."""
        self.update()
        (executor,) = self._executor
        quality = self._steps()
        y = decode_latents(executor, strings[0], (shape[0], shape[1]), quality, 0)
        pixels = torch.from_numpy(executor.synthesise(y, quality))
        return {"x_hat": pixels.permute(0, 3, 1, 2).float() / 255}

    def _steps(self) -> int:
        return round(self.quality * QUALITY_STEPS)

    @classmethod
    def from_state_dict(cls, state_dict: dict[str, Tensor]) -> LicCompressionModel:
        """The model of a state dict, of this class or of the bare network."""
        model = cls()
        bare = {name.removeprefix("codec."): tensor for name, tensor in state_dict.items()}
        model.codec.load_state_dict(bare)
        return model


def _bytes(x: Tensor) -> Pixels:
    """Pictures (B, 3, H, W) in 0..1 as arrays (B, H, W, 3) of uint8."""
    levels = (x.cpu() * 255).round().clamp(0, 255).to(torch.uint8)
    return np.ascontiguousarray(levels.permute(0, 2, 3, 1).numpy())


def _register(preset: str) -> None:
    name = f"lic-{preset}"
    cls = type(f"Lic{preset.title()}", (LicCompressionModel,), {"preset": preset})
    register_model(name)(cls)
    zoo.image.model_architectures[name] = cls

    def create(quality: int = 4, metric: str = "mse", pretrained: bool = False, **_: Any) -> Any:
        """A new model; ``quality`` is 1 to 8, as in CompressAI's zoo."""
        if pretrained:
            raise ValueError("give a checkpoint: lic's weights are not in CompressAI's zoo")
        return cls((quality - 1) / 7)

    zoo.image_models[name] = create
    zoo.models[name] = create


for _preset in PRESETS:
    _register(_preset)


if __name__ == "__main__":
    from compressai.utils.eval_model.__main__ import main

    main(sys.argv[1:])
