"""Exported models as an executor."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from lic.codec import DEFAULT_WEIGHTS, decode, encode
from lic.codec.errors import MissingDeviceError
from lic.codec.weights import Weights, resolve
from lic.export.codec import ExportedCodec

Pixels = NDArray[np.uint8]


@pytest.mark.parametrize("quality", [0, 43.2, 97])
def test_exported_models_make_the_same_files_and_pixels(
    exported: ExportedCodec, quality: float, budgie: Pixels
) -> None:
    native = resolve(DEFAULT_WEIGHTS)
    weights = Weights(native.id, native.digest, exported)
    data = encode(budgie[100:210, 50:190], quality, weights)
    assert data == encode(budgie[100:210, 50:190], quality)
    assert (decode(data, weights) == decode(data)).all()


def test_a_device_that_is_not_there_is_a_named_error(folder: Path) -> None:
    with pytest.raises(MissingDeviceError, match="onnx-abacus"):
        ExportedCodec(folder, "onnx-abacus")
