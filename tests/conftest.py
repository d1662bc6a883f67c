"""What tests of several rooms share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from lic.codec.picture import read_picture
from lic.codec.weights import Weights, load_weights, save_weights
from lic.models import PRESETS, create_preset, full_config

DATA = Path(__file__).parent / "data"


@pytest.fixture(scope="session")
def budgie() -> NDArray[np.uint8]:
    """A photograph of 512 x 512 pixels."""
    return read_picture(DATA / "budgie.png")


@pytest.fixture(scope="session", params=["tiny", "mlicv2-tiny"])
def tiny_path(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    budgie: NDArray[np.uint8],
) -> str:
    """A weights file of each family's smallest preset: a linear codec, disturbed a little."""
    torch.manual_seed(0)
    model = create_preset(request.param)
    model.initialise(torch.from_numpy(budgie).permute(2, 0, 1)[None])
    # Residual branches start at zero: wake them, or nothing would mix neighbouring pixels.
    for parameter in model.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.003)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_weights(path, PRESETS[request.param].model, full_config(model), model.state_dict())
    return str(path)


@pytest.fixture(scope="session")
def tiny_weights(tiny_path: str) -> Weights:
    """The weights of `tiny_path`, loaded."""
    return load_weights(Path(tiny_path), "tiny")
