"""What tests of several rooms share."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from lic.codec.manifest import WeightsEntry, write_manifest
from lic.codec.picture import read_picture
from lic.codec.weights import Weights, load_weights
from lic.models import PRESETS, create_preset, full_config
from lic.models.weights_file import network_bytes

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
    state = model.state_dict()
    path.write_bytes(network_bytes(PRESETS[request.param].model, full_config(model), state))
    return str(path)


@pytest.fixture(scope="session")
def tiny_weights(tiny_path: str) -> Weights:
    """The weights of `tiny_path`, loaded."""
    return load_weights(Path(tiny_path), "tiny")


@pytest.fixture
def make_weights_folder() -> Callable[[Path, str, Path], WeightsEntry]:
    """A function that makes a folder of weights: of the folder, an id and a weights file."""

    def make(folder: Path, weights_id: str, file: Path) -> WeightsEntry:
        data = file.read_bytes()
        entry = WeightsEntry(
            kind="float",
            source=None,
            summary="my own",
            command="lic train",
            data="budgie.png",
            hardware="a CPU",
            sha256=hashlib.sha256(data).hexdigest(),
            model="deployable",
            config={"width": 32},
            parameters=1000,
            kmac_per_pixel={"encode": 1.0, "decode": 2.0},
            training={"crop": 64},
            steps=1,
            minutes=0.1,
            kodak=None,
        )
        folder.mkdir(exist_ok=True)
        (folder / f"{weights_id}.safetensors").write_bytes(data)
        write_manifest(folder, {weights_id: entry})
        return entry

    return make
