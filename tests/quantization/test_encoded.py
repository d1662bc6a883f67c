"""The hard stage's latents against what the codec of integers makes of the same pictures."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import pytest
import torch
from torch import Tensor

from lic.codec.coding import header_of
from lic.codec.executors import open_executor
from lic.codec.latent_coding import encode_latents
from lic.codec.rounding import ALONE, REFINED
from lic.models.deployable.model import Deployable
from lic.quantization.bits import BitPlan
from lic.quantization.calibration import PartRanges
from lic.quantization.encoded import EncodedOutput, encode, parameters
from lic.quantization.quantized_codec import QuantizedCodec
from lic.training.losses import mean_squared_error, rate_distortion_loss

QUALITY = 0.2


@pytest.fixture
def codec(small_model: Deployable, small_ranges: PartRanges) -> QuantizedCodec:
    """In evaluation mode, as the hard stage has it."""
    return QuantizedCodec(deepcopy(small_model), [BitPlan()], small_ranges).eval()


def smooth(seed: int, count: int = 1) -> Tensor:
    """Pictures (count, 3, 64, 128) in whole levels."""
    coarse = torch.rand(count, 3, 6, 10, generator=torch.Generator().manual_seed(seed))
    picture = torch.nn.functional.interpolate(coarse, (64, 128), mode="bicubic").clamp(0, 1)
    return (255 * picture).round() / 255


@torch.no_grad()
def test_the_output_is_what_the_codec_of_integers_decodes(codec: QuantizedCodec) -> None:
    x = torch.rand(1, 3, 64, 128, generator=torch.Generator().manual_seed(1)).double()
    x, quality = (255 * x).round() / 255, round(10000 * QUALITY)
    out = EncodedOutput()(codec.double(), x, torch.tensor([QUALITY], dtype=torch.float64))
    executor = open_executor(codec.lower())
    pixels = (255 * x[0]).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
    targets, side = encode(executor, pixels, quality)
    skip_below = header_of(128, 64, quality).skip_below
    coded = {
        price: encode_latents(executor, targets[None], side[None], quality, skip_below, price)
        for price in (REFINED, ALONE)
    }
    shown = (255 * out["x_hat"][0]).permute(1, 2, 0).numpy()
    same = {
        price: (shown == executor.synthesise(decoded, quality)[0]).mean()
        for price, (_, decoded) in coded.items()
    }
    # The coder's tables round probabilities, which decides a few symbols.
    assert same[REFINED] > max(0.8, same[ALONE])
    ((stream,), _) = coded[REFINED]
    bits = sum(-float(out["likelihoods"][part].log2().sum()) for part in ("y", "z"))
    assert bits == pytest.approx(8 * len(stream), rel=0.02)


def test_the_encoder_is_made_anew_as_the_network_changes(
    codec: QuantizedCodec, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    lower = QuantizedCodec.lower
    monkeypatch.setattr(QuantizedCodec, "lower", lambda self: made.append(1) or lower(self))
    output, x, quality = EncodedOutput(), smooth(2), torch.tensor([QUALITY])
    with torch.no_grad():
        for _ in range(51):
            output(codec, x[..., :64], quality)
        assert len(made) == 2
        other = deepcopy(codec)
        output(other, x[..., :64], quality)
        assert len(made) == 3


def test_the_decoder_learns_and_the_encoder_stays(codec: QuantizedCodec) -> None:
    x, quality = smooth(3, 2), torch.tensor([0.2, 0.7])
    learned = parameters(codec)
    before = {name: value.clone() for name, value in codec.state_dict().items()}
    optimizer = torch.optim.Adam(learned, lr=2e-3)
    output, losses = EncodedOutput(), []
    for _ in range(25):
        optimizer.zero_grad()
        loss, _, _ = rate_distortion_loss(
            output(codec, x, quality), x, codec.lambda_at(quality), mean_squared_error
        )
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(loss.item())
    assert np.mean(losses[-3:]) < 0.97 * losses[0]
    after = codec.state_dict()
    changed = {name for name in after if not torch.equal(after[name], before[name])}
    assert {name.split(".")[0] for name in changed} == {"entropy", "synthesis"}
    assert "entropy.latent_gain.log_gain" not in changed
