"""The transforms in floats, beside the exact ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from lic.export.codec import ExportedCodec

Pixels = NDArray[np.uint8]


@pytest.mark.parametrize(
    ("form", "relative", "levels", "mean"), [("float32", 0.01, 2, 0.2), ("int8", 0.15, 40, 4)]
)
def test_fast_transforms_nearly_do_what_the_exact_ones_do(
    form: str,
    relative: float,
    levels: int,
    mean: float,
    folder: Path,
    exported: ExportedCodec,
    budgie: Pixels,
) -> None:
    fast = ExportedCodec(folder, form=form)
    assert not fast.exact
    pixels = np.stack((budgie[100:164, 100:228], budgie[300:364, 200:328]))
    for quality in (0, 1234, 10000):
        latents = exported.analyse(pixels, quality)
        error = fast.analyse(pixels, quality).astype(float) - latents
        assert error.std() < relative * latents.std()
        shown = exported.synthesise(latents, quality).astype(int)
        difference = np.abs(fast.synthesise(latents, quality) - shown)
        assert difference.max() <= levels
        assert difference.mean() < mean


def test_int8_models_quantize_what_most_convolutions_read_and_their_weights(folder: Path) -> None:
    model = onnx.load(folder / "int8" / "synthesis.onnx")
    makers = {name: node.op_type for node in model.graph.node for name in node.output}
    kinds = [
        [makers.get(name) for name in node.input[:2]]
        for node in model.graph.node
        if node.op_type == "Conv"
    ]
    assert kinds.count(["DequantizeLinear"] * 2) > len(kinds) / 2
    # One scale for a value, as TensorRT wants it.
    scales = {node.input[1] for node in model.graph.node if node.op_type == "QuantizeLinear"}
    shapes = {constant.name: list(constant.dims) for constant in model.graph.initializer}
    assert scales
    assert all(shapes[scale] == [] for scale in scales)
