from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from lic.evaluation import compressai_bridge
from lic.evaluation.codecs import peers
from lic.evaluation.compressai_codec import CheckpointError, CompressaiCodec
from lic.evaluation.metrics import ms_ssim, psnr


def test_a_model_of_compressais_codes_from_a_checkpoint(
    budgie: NDArray[np.uint8], tmp_path: Path
) -> None:
    torch.manual_seed(0)
    model = compressai_bridge.zoo.image.model_architectures["mbt2018-mean"](32, 48)
    path = tmp_path / "mean.pth"
    torch.save(model.state_dict(), path)
    codec = CompressaiCodec.parse(f"mbt2018-mean={path}")
    pixels = budgie[:100, :90]
    decoded = codec.decode(codec.encode(pixels, codec.settings[0]))
    x = torch.from_numpy(np.pad(pixels, ((0, 28), (0, 38), (0, 0)), mode="edge"))
    model.update(force=True)
    with torch.inference_mode():
        x_hat = model.eval()(x.permute(2, 0, 1)[None] / 255)["x_hat"][0, :, :100, :90]
    expected = (x_hat * 255).round().clamp(0, 255).permute(1, 2, 0).numpy()
    assert np.abs(decoded - expected).mean() < 0.05


def test_a_missing_or_foreign_checkpoint_is_a_named_error(
    tmp_path: Path, budgie: NDArray[np.uint8]
) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint"):
        CompressaiCodec.parse("mbt2018-mean=none.pth")
    with pytest.raises(CheckpointError, match="no checkpoint"):
        CompressaiCodec.parse("mbt2018-mean")
    path = tmp_path / "other.pth"
    torch.save({"state_dict": {}}, path)
    for words, reason in (("mbt2018-mean", "cannot load"), ("nope", "no architecture")):
        codec = CompressaiCodec.parse(f"{words}={path}")
        with pytest.raises(CheckpointError, match=reason):
            codec.encode(budgie[:64, :64], 0)


def test_our_metrics_are_compressais_on_jpeg_and_webp_files(budgie: NDArray[np.uint8]) -> None:
    from compressai.utils.eval_model.__main__ import compute_metrics

    found, _ = peers(["jpeg", "webp"])
    for codec in found:
        decoded = codec.decode(codec.encode(budgie, 50))
        x, x_hat = (torch.from_numpy(p).permute(2, 0, 1)[None] / 255 for p in (budgie, decoded))
        theirs = compute_metrics(x, x_hat, 255)
        assert psnr(budgie, decoded) == pytest.approx(theirs["psnr-rgb"], abs=0.01)
        assert ms_ssim(budgie, decoded) == pytest.approx(theirs["ms-ssim-rgb"], abs=1e-4)
