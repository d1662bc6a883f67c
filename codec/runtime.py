"""What executes a network: here PyTorch, in float32 for pictures and float64 for probabilities.

The transforms may differ in the last bits between machines: the encoder's choose the symbols, the
decoder's make the picture. The entropy path decides what the stream means; it runs in float64 on
the CPU everywhere.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lic.codec.tiling import TILE_UNIT, Region
from lic.entropy_coding import Decoder, Encoder
from lic.models import CodecModel
from lic.models.latent_coding import decode_latents, encode_latents


class TorchRuntime:
    """A model of any family, ready to code; see `lic.models.base` for its parts."""

    def __init__(self, model: CodecModel) -> None:
        self.model = model.eval().requires_grad_(False)
        self.path: Any = deepcopy(model.entropy).double()
        self.latents: int = model.config.latents
        self.stride: int = model.latent_stride
        self.halo: int = model.halo

    @torch.inference_mode()
    def analyse(self, pixels: NDArray[np.uint8], core: Region, quality: float) -> Tensor:
        """Latents (1, M, h, w) of the core of a padded part (H, W, 3) of a picture.

        ``core`` is in latents, within the part; the rest of the part is its margin.
        """
        x = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
        y = self.model.analysis(x, torch.tensor([quality], dtype=torch.float32))
        rows, columns = core.slices
        out: Tensor = y[:, :, rows, columns].contiguous()
        return out

    @torch.inference_mode()
    def side_information(self, y: Tensor, quality: float) -> Tensor:
        """Real-valued side information (1, Z, h/4, w/4) of a tile's latents (1, M, h, w)."""
        z: Tensor = self.model.hyper_analysis(y, torch.tensor([quality], dtype=torch.float32))
        return z

    def code(self, y: Tensor, z: Tensor, quality: float, skip_below: int) -> tuple[bytes, Tensor]:
        """The stream of a tile's latents (1, M, h, w) and side information (1, Z, h/4, w/4).

        h and w are multiples of 4. Also gives the latents, float32, that `decode` will.
        """
        encoder = Encoder()
        exact = torch.tensor([quality], dtype=torch.float64)
        decoded = encode_latents(self.path, self.model.side, y, z, exact, skip_below, encoder)
        return encoder.finish(), decoded.float()

    def encode(self, y: Tensor, quality: float, skip_below: int) -> bytes:
        """The stream of a tile's latents (1, M, h, w), with side information of their own."""
        return self.code(y, self.side_information(y, quality), quality, skip_below)[0]

    def decode(
        self, stream: bytes, shape: tuple[int, int], quality: float, skip_below: int
    ) -> Tensor:
        """Latents (1, M, 4h, 4w), float32, of a tile's stream; ``shape`` (h, w) is z's.

        Raises
        ------
        lic.entropy_coding.CorruptStreamError
            If the stream is damaged.
        """
        exact = torch.tensor([quality], dtype=torch.float64)
        decoder = Decoder(stream)
        y = decode_latents(self.path, self.model.side, shape, exact, skip_below, decoder)
        return y.float()

    @torch.inference_mode()
    def estimated_bits(self, pixels: NDArray[np.uint8], quality: float) -> float:
        """Bits of a picture (H, W, 3) by the likelihoods that training minimises, as one tile."""
        below, right = -pixels.shape[0] % TILE_UNIT, -pixels.shape[1] % TILE_UNIT
        part = np.pad(pixels, ((0, below), (0, right), (0, 0)), mode="edge")
        x = torch.from_numpy(part).permute(2, 0, 1)[None].float() / 255
        out = self.model(x, torch.tensor([quality], dtype=torch.float32))
        likelihoods = out["likelihoods"]
        return -float(likelihoods["y"].log2().sum() + likelihoods["z"].log2().sum())

    @torch.inference_mode()
    def synthesise(self, y: Tensor, core: Region, quality: float) -> NDArray[np.uint8]:
        """Pixels (16h, 16w, 3) of the core of latents (1, M, H, W); ``core`` in latents."""
        x = self.model.synthesis(y, torch.tensor([quality], dtype=torch.float32))
        rows, columns = core.scaled_up(self.stride).slices
        pixels = (x[0, :, rows, columns] * 255).round().clamp(0, 255).to(torch.uint8)
        return np.ascontiguousarray(pixels.permute(1, 2, 0).numpy())
