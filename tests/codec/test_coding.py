from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from lic import codec
from lic.codec.coding import encode_picture
from lic.codec.container import read_container
from lic.codec.errors import CorruptFileError, LimitError, PictureError, WeightsError
from lic.codec.weights import Weights, load_weights
from lic.entropy_coding import MixtureParameters
from lic.models import PRESETS, create_model
from lic.models.mixture import Mixture
from lic.models.weights_file import network_bytes

LIMIT = 2**28
Pixels = NDArray[np.uint8]


def mse(a: Pixels, b: Pixels) -> float:
    return float(np.square(a.astype(float) - b).mean())


def latents(data: bytes, weights: Weights, order: int = 1) -> list[torch.Tensor]:
    """Every tile's decoded latents, decoded first to last (order 1) or last to first (-1)."""
    container = read_container(data, LIMIT)
    header = container.header
    shape = (2, 2)
    indexed = list(enumerate(container.streams))[::order]
    found = {
        i: weights.runtime.decode(s, shape, header.level, header.skip_below) for i, s in indexed
    }
    return [found[i] for i in sorted(found)]


@pytest.mark.parametrize(
    "size", [(1, 1), (1, 300), (17, 23), (64, 64), (130, 257), (767, 511), (1030, 1100)]
)
def test_any_size_decodes_to_exactly_its_size(
    size: tuple[int, int], tiny_weights: Weights, budgie: Pixels
) -> None:
    pixels = np.resize(budgie, (*size, 3))
    decoded = codec.decode(codec.encode(pixels, 80, tiny_weights), tiny_weights)
    assert decoded.shape == pixels.shape
    assert decoded.dtype == np.uint8


@pytest.mark.parametrize("tiny_path", ["tiny"], indirect=True)
def test_twelve_megapixels_decode_to_their_size(tiny_weights: Weights, budgie: Pixels) -> None:
    pixels = np.resize(budgie, (3000, 4000, 3))
    assert codec.decode(codec.encode(pixels, 80, tiny_weights), tiny_weights).shape == pixels.shape


def test_quality_trades_bytes_for_distortion(tiny_weights: Weights, budgie: Pixels) -> None:
    pixels = budgie[100:292, 100:292]
    files = [codec.encode(pixels, q, tiny_weights) for q in (0, 33.3, 66.6, 100)]
    errors = [mse(codec.decode(data, tiny_weights), pixels) for data in files]
    assert [len(f) for f in files] == sorted(len(f) for f in files)
    assert errors == sorted(errors, reverse=True)


def test_the_files_bits_agree_with_the_estimate(tiny_weights: Weights, budgie: Pixels) -> None:
    for quality in (20, 90):
        bits = 8 * len(codec.encode(budgie, quality, tiny_weights))
        assert bits == pytest.approx(
            tiny_weights.runtime.estimated_bits(budgie, quality / 100), rel=0.01
        )


def test_tiles_leave_no_seams(tiny_weights: Weights, budgie: Pixels) -> None:
    pixels = budgie[:256, :320]
    whole = codec.decode(encode_picture(pixels, 100, tiny_weights, tile=1024), tiny_weights)
    tiled = codec.decode(encode_picture(pixels, 100, tiny_weights, tile=128), tiny_weights)
    assert mse(tiled, pixels) < 1.02 * mse(whole, pixels)
    errors = np.square(tiled.astype(float) - pixels).mean(axis=2)
    before = np.square(whole.astype(float) - pixels).mean(axis=2)
    for seam in (np.s_[126:130], np.s_[:, 126:130], np.s_[:, 254:258]):
        assert errors[seam].mean() < 1.1 * before[seam].mean()


def test_transforms_of_a_tile_with_its_margin_equal_those_of_the_whole(
    tiny_weights: Weights, budgie: Pixels
) -> None:
    from lic.codec.coding import _part
    from lic.codec.tiling import Region

    runtime = tiny_weights.runtime
    whole = runtime.analyse(budgie, Region(0, 0, 32, 32), 0.5)
    region = Region(384, 64, 512, 192)
    part, core = _part(budgie, region, runtime.halo * runtime.stride)
    assert part.shape[0] < 512  # a part, not the whole
    tile = runtime.analyse(part, core.scaled_down(runtime.stride), 0.5)
    torch.testing.assert_close(tile, whole[:, :, 24:32, 4:12], rtol=1e-4, atol=1e-4)
    place = region.scaled_down(runtime.stride)
    outer = place.grown(runtime.halo, 32, 32)
    rows, columns = outer.slices
    again = runtime.synthesise(whole[:, :, rows, columns], place.within(outer), 0.5)
    everything = runtime.synthesise(whole, Region(0, 0, 32, 32), 0.5)[region.slices]
    assert np.abs(again.astype(int) - everything).max() <= 1


def test_tiles_decode_alike_in_any_order_and_number_of_threads(
    tiny_weights: Weights, budgie: Pixels
) -> None:
    data = encode_picture(budgie[:256, :256], 70, tiny_weights, tile=128)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        first = latents(data, tiny_weights)
        torch.set_num_threads(2)
        second = latents(data, tiny_weights, order=-1)
    finally:
        torch.set_num_threads(threads)
    assert len(first) == 4
    for a, b in zip(first, second, strict=True):
        assert torch.equal(a, b)


FRESH_DECODER = """
import hashlib, sys
from pathlib import Path
import torch
from lic.codec.container import read_container
from lic.codec.weights import load_weights
data, weights = Path(sys.argv[1]).read_bytes(), load_weights(Path(sys.argv[2]), "tiny")
header, streams = read_container(data, 2**28).header, read_container(data, 2**28).streams
latents = weights.runtime.decode(streams[0], (2, 2), header.level, header.skip_below)
print(hashlib.sha256(latents.numpy().tobytes()).hexdigest())
"""


def test_a_fresh_process_decodes_the_same_symbols(
    tiny_weights: Weights, tiny_path: str, budgie: Pixels, tmp_path: Path
) -> None:
    data = encode_picture(budgie[:128, :128], 70, tiny_weights)
    file = tmp_path / "out.lic"
    file.write_bytes(data)
    command = [sys.executable, "-c", FRESH_DECODER, str(file), tiny_path]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    here = latents(data, tiny_weights)[0]
    assert printed.strip() == hashlib.sha256(here.numpy().tobytes()).hexdigest()


@pytest.mark.parametrize("components", [1, 2, 4])
def test_mixtures_of_other_sizes_code_too(components: int, budgie: Pixels, tmp_path: Path) -> None:
    config = {**PRESETS["tiny"].config, "components": components}
    model = create_model("deployable", config)
    model.initialise(torch.from_numpy(budgie).permute(2, 0, 1)[None])
    path = tmp_path / "mixture.safetensors"
    path.write_bytes(network_bytes("deployable", config, model.state_dict()))
    weights = load_weights(path, "mixture")
    pixels = budgie[:100, :100]
    data = codec.encode(pixels, 80, weights)
    assert mse(codec.decode(data, weights), pixels) < 0.2 * pixels.var()


def test_a_damaged_stream_with_good_checksums_is_corrupt(
    tiny_weights: Weights, budgie: Pixels
) -> None:
    container = read_container(codec.encode(budgie[:64, :64], 50, tiny_weights), LIMIT)
    stream = bytearray(container.streams[0])
    for place in range(0, len(stream), 7):
        stream[place] ^= 0x10
        forged = replace(container, streams=(bytes(stream),)).to_bytes()
        with pytest.raises(CorruptFileError):
            codec.decode(forged, tiny_weights)
        stream[place] ^= 0x10


def test_a_forged_quality_is_corrupt(tiny_weights: Weights, budgie: Pixels) -> None:
    container = read_container(codec.encode(budgie[:64, :64], 50, tiny_weights), LIMIT)
    forged = replace(container, header=replace(container.header, quality=6000))
    with pytest.raises(CorruptFileError):
        codec.decode(forged.to_bytes(), tiny_weights)


def test_other_weights_than_the_files_are_refused(tiny_weights: Weights, budgie: Pixels) -> None:
    data = codec.encode(budgie[:64, :64], 50, tiny_weights)
    with pytest.raises(WeightsError, match="not installed"):
        codec.decode(data)
    other = replace(tiny_weights, digest=b"1234")
    with pytest.raises(WeightsError, match="other weights"):
        codec.decode(data, other)


def test_the_limit_holds_before_decoding(tiny_weights: Weights, budgie: Pixels) -> None:
    data = codec.encode(budgie[:64, :64], 50, tiny_weights)
    with pytest.raises(LimitError):
        codec.decode(data, tiny_weights, max_pixels=64 * 64 - 1)


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((0, 4, 3), np.uint8),
    ],
)
def test_arrays_that_are_no_rgb_pictures_are_refused(
    pixels: NDArray[np.generic], tiny_weights: Weights
) -> None:
    with pytest.raises(PictureError, match="must be an array"):
        codec.encode(pixels, 50, tiny_weights)  # type: ignore[arg-type]


@pytest.mark.parametrize("quality", [-0.1, 100.1, float("nan")])
def test_a_quality_out_of_range_is_refused(
    quality: float, tiny_weights: Weights, budgie: Pixels
) -> None:
    with pytest.raises(PictureError, match="quality"):
        codec.encode(budgie, quality, tiny_weights)


def test_a_centre_that_is_one_unit_off_in_the_last_step_is_an_error(
    tiny_weights: Weights, budgie: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = codec.encode(budgie[:64, :64], 50, tiny_weights)
    steps = tiny_weights.runtime.path.step_count
    exact, calls = Mixture.to_integers, []

    def disturbed(self: Mixture) -> tuple[NDArray[np.int64], MixtureParameters]:
        calls.append(self)
        centres, parameters = exact(self)
        if len(calls) == steps:
            centres[0] += 1
        return centres, parameters

    monkeypatch.setattr(Mixture, "to_integers", disturbed)
    with pytest.raises(CorruptFileError):
        codec.decode(data, tiny_weights)
    assert len(calls) == steps
