"""What tests of several rooms share."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray

from lic.codec.layering import Choice
from lic.codec.manifest import WeightsEntry, write_manifest
from lic.codec.picture import read_picture
from lic.codec.weights import Weights, load_weights, read_codec
from lic.integer_networks.codec_network import CodecNetwork

if TYPE_CHECKING:
    from .browser import Browser

# A process for each core is running tests already; torch reads this when it is first imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Weights that are in the repository alone: earlier ones, and those of floats.
os.environ["LIC_WEIGHTS"] = str(Path(__file__).parents[1] / "weights/unshipped")

DATA = Path(__file__).parent / "data"
TINY = DATA / "tiny.safetensors"
"""Integer weights of the preset tiny; `tests/data/README.md` tells how they were made."""
EXTRAS = {
    "torch": (
        ("torch",),
        ("models", "training", "quantization", "evaluation", "export/test_torch_target.py"),
    ),
    "onnx": (("onnx", "onnxruntime"), ("export",)),
}
"""Packages of extras, and folders or files that need the extra, or one that brings it.

Other tests that do are marked with the extra's name, and skipped one by one.
"""

MISSING = [
    extra
    for extra, (packages, _) in EXTRAS.items()
    if not all(importlib.util.find_spec(package) for package in packages)
]
collect_ignore = [folder for extra in MISSING for folder in EXTRAS[extra][1]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skips the tests marked with an extra where it is not installed."""
    for extra in MISSING:
        for item in items:
            if item.get_closest_marker(extra):
                item.add_marker(pytest.mark.skip(reason=f"needs the extra {extra}"))


def pytest_report_header() -> list[str]:
    """Says what is not tested, and why."""
    return [f"without {extra}: not testing {', '.join(EXTRAS[extra][1])}" for extra in MISSING]


@pytest.fixture(scope="session")
def budgie() -> NDArray[np.uint8]:
    """A photograph of 512 x 512 pixels."""
    return read_picture(DATA / "budgie.png")


MakeFloatFile = Callable[[str], Path]


@pytest.fixture(scope="session")
def float_file(
    tmp_path_factory: pytest.TempPathFactory, budgie: NDArray[np.uint8]
) -> MakeFloatFile:
    """A function that makes a weights file of a preset: a linear codec, disturbed a little."""
    torch = pytest.importorskip("torch", reason="needs the extra torch")
    from lic.models import PRESETS, create_preset, full_config
    from lic.models.weights_file import network_bytes

    @cache
    def make(preset: str) -> Path:
        torch.manual_seed(0)
        model = create_preset(preset)
        model.initialise(torch.from_numpy(budgie).permute(2, 0, 1)[None])
        # Residual branches start at zero: wake them, or nothing would mix neighbouring pixels.
        for parameter in model.parameters():
            if not parameter.any():
                torch.nn.init.normal_(parameter, std=0.003)
        path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
        state = model.state_dict()
        path.write_bytes(network_bytes(PRESETS[preset].model, full_config(model), state))
        return path

    return make


@pytest.fixture(scope="session")
def network() -> CodecNetwork:
    """The codec of `TINY`."""
    return read_codec(TINY.read_bytes())[1]


@pytest.fixture(scope="session", params=["tiny", "mlicv2-tiny"])
def tiny_path(request: pytest.FixtureRequest, float_file: MakeFloatFile) -> str:
    """A weights file of each family's smallest preset."""
    return str(float_file(request.param))


@pytest.fixture(scope="session", params=["integers", "tiny", "mlicv2-tiny"])
def tiny_weights(request: pytest.FixtureRequest) -> Weights:
    """Weights of integers, and of each family's smallest preset."""
    if request.param == "integers":
        return load_weights(TINY, "tiny")
    make: MakeFloatFile = request.getfixturevalue("float_file")
    return load_weights(make(request.param), "tiny")


@pytest.fixture(scope="session")
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


@pytest.fixture
def network_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Encoding keeps the network's streams and adds nothing, as if they were good enough.

    Those of untrained networks are not.
    """

    def keep(source: object, base: object, stream: bytes, *_: object, **__: object) -> Choice:
        return Choice(stream, None)

    monkeypatch.setattr("lic.codec.coding.choose", keep)


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium; tests that need it are skipped where it is not installed."""
    if sys.platform == "win32":
        pytest.skip("drives a browser through pipes, which Windows has not")
    from .browser import NAMES, Browser

    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip("needs Chromium")
    found = Browser(program, tmp_path_factory.mktemp("profile"))
    yield found
    found.close()
