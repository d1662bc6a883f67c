from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from lic.evaluation.codecs import PEERS, UnknownPeerError, peers
from lic.evaluation.compare import busiest_crop, nearest_rate
from lic.evaluation.metrics import psnr


def test_every_peer_gets_better_and_larger_with_its_settings(budgie: NDArray[np.uint8]) -> None:
    pixels = budgie[100:260, 100:260]
    found, missing = peers(PEERS)
    assert {"JPEG 4:2:0", "JPEG 4:4:4", "WebP"} <= {codec.name for codec in found}
    assert len(found) + len(missing) == len(PEERS) + 1
    for codec in found:
        ends = [codec.encode(pixels, s) for s in (codec.settings[0], codec.settings[-1])]
        assert len(ends[0]) < len(ends[1]), codec.name
        low, high = (psnr(pixels, codec.decode(data)) for data in ends)
        assert low < high, codec.name


def test_an_unknown_peer_is_a_named_error() -> None:
    with pytest.raises(UnknownPeerError, match="no peer 'gif'"):
        peers(["gif"])


def test_the_nearest_rate_is_found(budgie: NDArray[np.uint8]) -> None:
    (codec, *_), _ = peers(["jpeg"])
    candidate = nearest_rate(codec, budgie, 1.0)
    assert candidate.bpp == pytest.approx(1.0, rel=0.05)
    assert nearest_rate(codec, budgie, 0.01).setting == codec.settings[0]
    assert nearest_rate(codec, budgie, 20).setting == codec.settings[-1]


def test_the_busiest_crop_is_where_the_detail_is() -> None:
    pixels = np.full((64, 64, 3), 128, np.uint8)
    pixels[32:48, 16:32] = np.random.default_rng(0).integers(0, 256, (16, 16, 3))
    assert busiest_crop(pixels, 16) == (32, 16)


def test_noise_can_be_coded_by_every_peer() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)
    for codec in peers(["jpeg", "webp"])[0]:
        assert codec.decode(codec.encode(pixels, codec.settings[-1])).shape == pixels.shape
