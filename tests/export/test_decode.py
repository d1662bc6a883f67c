"""The decoder that is copied to exported folders."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lic.codec import DEFAULT_WEIGHTS, decode, encode
from lic.codec.coding import encode_picture
from lic.codec.weights import Weights, resolve
from lic.export.decode import decode as decode_with

Pixels = NDArray[np.uint8]


def test_the_program_in_the_folder_decodes_a_file_of_lic(
    folder: Path, budgie: Pixels, tmp_path: Path
) -> None:
    file, out = tmp_path / "a.lic", tmp_path / "a.ppm"
    file.write_bytes(encode(budgie[200:300, 100:270], 30))
    subprocess.run([sys.executable, folder / "decode.py", file, out], check=True)
    assert out.read_bytes() == b"P6 170 100 255\n" + decode(file.read_bytes()).tobytes()


@pytest.mark.parametrize(
    "options", [{"quality": 97}, {"max_error": 0}], ids=["corrected", "lossless"]
)
def test_it_decodes_the_residual_layer(
    options: dict[str, Any], folder: Path, budgie: Pixels
) -> None:
    data = encode(budgie[200:300, 100:270], **options)
    assert (decode_with(data, folder) == decode(data)).all()


def test_it_decodes_tiles(folder: Path, budgie: Pixels) -> None:
    data = encode_picture(budgie[:130, :200], 40, resolve(DEFAULT_WEIGHTS), tile=64)
    assert (decode_with(data, folder) == decode(data)).all()


def test_it_refuses_files_of_other_weights(folder: Path, budgie: Pixels) -> None:
    other = Weights("other", b"\0\1\2\3", resolve(DEFAULT_WEIGHTS).executor)
    with pytest.raises(SystemExit, match="other"):
        decode_with(encode(budgie[:64, :64], 50, other), folder)
