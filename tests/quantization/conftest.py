"""A small network with its ranges, and pictures to search with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lic.models import create_model
from lic.models.deployable.model import Deployable
from lic.quantization.calibration import PartRanges, calibrate


@pytest.fixture(scope="session")
def small_model() -> Deployable:
    """A network of which no weight is zero."""
    torch.manual_seed(5)
    config = {"width": 24, "latents": 32, "hyper": 8, "hyper_width": 16, "features": 16}
    sizes = {"context_width": 24, "synthesis_kernels": (5,), "correction": True}
    model = create_model("deployable", {**config, **sizes})
    assert isinstance(model, Deployable)
    for parameter in model.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    model.side.freeze()
    return model.eval()


@pytest.fixture(scope="session")
def small_ranges(small_model: Deployable) -> PartRanges:
    """Of its values."""
    torch.manual_seed(7)
    return calibrate(small_model, [torch.rand(1, 3, 64, 128) for _ in range(2)])


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 52 smooth pictures of 256 x 256 pixels."""
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(1)
    for number in range(52):
        small = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        image = Image.fromarray(small).resize((256, 256), Image.Resampling.BICUBIC)
        image.save(folder / f"{number}.png", compress_level=1)
    return folder
