"""Builds of the decoder without Python."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from lic import codec
from lic.codec.metadata import GRAY, Metadata, Original
from lic.codec.pixels import Picture

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests/data"
SMALL_ID = "small-3"
"""Of weights that decode twice as fast as the default ones: sanitizers and fuzzing take long."""
SMALL = ROOT / f"weights/unshipped/{SMALL_ID}.safetensors"
# The cores have been tested at full optimization, and for all instruction sets.
QUICK = ("-DCMAKE_BUILD_TYPE=None", "-DCMAKE_CXX_FLAGS=-O1", "-DLIC_KERNEL_OPTIMIZATION=-O2")
SANITIZE = "-fsanitize=address,undefined"


def run(*command: object) -> subprocess.CompletedProcess[str]:
    """Run a command; what it printed is part of an error."""
    done = subprocess.run([*map(str, command)], capture_output=True, text=True)
    assert done.returncode == 0, f"{command}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done


@pytest.fixture(scope="session")
def native(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of liblic.a and of the programs, with sanitizers."""
    if sys.platform != "linux":
        pytest.skip("the sanitizers are tested on Linux")
    for tool in ("cmake", "cc", "c++"):
        if not shutil.which(tool):
            pytest.skip(f"needs {tool}")
    build = tmp_path_factory.mktemp("native")
    intel = platform.machine() == "x86_64"
    options = [*QUICK, "-DLIC_SANITIZERS=address,undefined", *["-DLIC_SSE41=ON"] * intel]
    run("cmake", "-S", ROOT / "deployment", "-B", build, *options)
    run("cmake", "--build", build, "--parallel", "2")
    for name in ("decode_many", "decode_parts", "check_api"):
        source = Path(__file__).with_name(f"{name}.c")
        flags = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-g1", SANITIZE]
        libraries = ["-L", build, "-llic", "-lstdc++", "-lm", "-pthread"]
        include = ["-I", ROOT / "deployment/native"]
        run("cc", *flags, *include, source, "-o", build / name, *libraries)
    return build


DecodeMany = Callable[[Sequence[tuple[Path, bytes]]], list["Decoded"]]


class Decoded:
    """What the native decoder makes of a file."""

    def __init__(self, line: str, file: Path) -> None:
        status, _, self.message = line.partition(" ")
        self.status = int(status)
        self._file = file

    def samples(self, shape: tuple[int, ...], suffix: str = ".samples") -> NDArray[np.uint8]:
        """The pixels as the file has them, or as ``.rgba``."""
        return np.fromfile(f"{self._file}{suffix}", np.uint8).reshape(shape)


@pytest.fixture
def decode_many(native: Path, tmp_path: Path) -> DecodeMany:
    """A function that decodes pairs of a weights file and a file's bytes."""

    def decode(pairs: Sequence[tuple[Path, bytes]]) -> list[Decoded]:
        arguments: list[Path] = []
        for number, (weights, data) in enumerate(pairs):
            arguments += [weights, tmp_path / f"{number}.lic"]
            arguments[-1].write_bytes(data)
        lines = run(native / "decode_many", *arguments).stdout.splitlines()
        return [Decoded(*pair) for pair in zip(lines, arguments[1::2], strict=True)]

    return decode


@pytest.fixture(scope="session")
def files(budgie: NDArray[np.uint8]) -> dict[str, bytes]:
    """Files of all kinds, by what they are, and the golden ones."""
    part = budgie[100:230, 200:370]
    alpha = np.add.outer(np.arange(130), np.arange(170)).astype(np.uint8)
    gray = Original(GRAY)
    metadata = Metadata(icc=bytes(100), exif=b"II*\0" + bytes(9), xmp=b"<x/>" * 9)
    encode = partial(codec.encode, weights=SMALL_ID)
    made = {f"quality {q}": encode(part, q) for q in (5, 50, 95)}
    made |= {
        "two tiles": encode(np.tile(budgie, (1, 3, 1))[:90, :1100], 30),
        "one pixel": encode(budgie[:1, :1], 50),
        "a row": encode(budgie[:1], 80),
        "without loss": encode(part, max_error=0),
        "within an error": encode(part, max_error=3),
        "transparent": encode(Picture(part, alpha, metadata), 40),
        "gray": encode(part[:, :, 0], 50),
        "gray, transparent": encode(Picture(part, alpha, original=gray), 60),
        "text": encode(np.where(part > 128, 255, 0).astype(np.uint8), 70),
    }
    return made | {path.stem: path.read_bytes() for path in DATA.glob(f"{SMALL_ID}-*.lic")}
