from __future__ import annotations

import hashlib
import importlib.util
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lic import codec
from lic.codec.coding import encode_picture
from lic.codec.container import read_container
from lic.codec.errors import CorruptFileError, LimitError, PictureError, WeightsError
from lic.codec.executors import Latents, Quantise, StepParameters
from lic.codec.latent_coding import decode_latents
from lic.codec.tiling import Region, cut
from lic.codec.weights import Weights, load_weights

TINY = Path(__file__).parents[1] / "data" / "tiny.safetensors"
LIMIT = 2**28
Pixels = NDArray[np.uint8]

pytestmark = pytest.mark.usefixtures("network_alone")


def mse(a: Pixels, b: Pixels) -> float:
    return float(np.square(a.astype(float) - b).mean())


def latents(data: bytes, weights: Weights, order: int = 1) -> list[Latents]:
    """Every tile's decoded latents, decoded first to last (order 1) or last to first (-1)."""
    container = read_container(data, LIMIT)
    header = container.header
    indexed = list(enumerate(container.streams))[::order]
    found = {
        i: decode_latents(weights.executor, [s], (2, 2), header.quality, header.skip_below)
        for i, s in indexed
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


@pytest.mark.parametrize("tiny_weights", ["integers"], indirect=True)
def test_twelve_megapixels_decode_to_their_size(tiny_weights: Weights, budgie: Pixels) -> None:
    pixels = np.resize(budgie, (3000, 4000, 3))
    assert codec.decode(codec.encode(pixels, 80, tiny_weights), tiny_weights).shape == pixels.shape


def test_quality_trades_bytes_for_distortion(tiny_weights: Weights, budgie: Pixels) -> None:
    pixels = budgie[100:292, 100:292]
    files = [codec.encode(pixels, q, tiny_weights) for q in (0, 33.3, 66.6, 100)]
    errors = [mse(codec.decode(data, tiny_weights), pixels) for data in files]
    assert [len(f) for f in files] == sorted(len(f) for f in files)
    assert errors == sorted(errors, reverse=True)


@pytest.mark.torch
def test_the_files_bits_agree_with_the_estimate_of_training(
    float_file: Callable[[str], Path], budgie: Pixels
) -> None:
    import torch

    from lic.models.weights_file import load_network

    for preset in ("tiny", "mlicv2-tiny"):
        weights = load_weights(float_file(preset), "tiny")
        model = load_network(float_file(preset))[1].eval().requires_grad_(False)
        x = torch.from_numpy(budgie).permute(2, 0, 1)[None] / 255
        for quality in (20, 90):
            likelihoods = model(x, torch.tensor([quality / 100]))["likelihoods"]
            bits = -sum(float(p.log2().sum()) for p in likelihoods.values())
            data = codec.encode(budgie, quality, weights, effort=0)
            assert 8 * len(data) == pytest.approx(bits, rel=0.01)


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
    executor = tiny_weights.executor
    whole = executor.analyse(budgie[None], 5000)
    region = Region(384, 64, 512, 192)
    part, core = cut(budgie, region, executor.halo * 16)
    assert part.shape[0] < 512  # a part, not the whole
    rows, columns = core.scaled_down(16).slices
    tile = executor.analyse(part[None], 5000)[:, rows, columns]
    np.testing.assert_allclose(tile, whole[:, 24:32, 4:12], rtol=1e-4, atol=1e-4)
    place = region.scaled_down(16)
    outer = place.grown(executor.halo, 32, 32)
    rows, columns = outer.slices
    shown = executor.synthesise(np.ascontiguousarray(whole[:, rows, columns]), 5000)[0]
    again = shown[place.within(outer).scaled_up(16).slices]
    everything = executor.synthesise(whole, 5000)[0][region.slices]
    exact = whole.dtype == np.int16
    assert np.abs(again.astype(int) - everything).max() <= (0 if exact else 1)


def test_tiles_decode_alike_in_any_order_and_number_of_threads(
    tiny_weights: Weights, budgie: Pixels
) -> None:
    data = encode_picture(budgie[:256, :256], 70, tiny_weights, tile=128)
    with threads(1):
        first = latents(data, tiny_weights)
    with threads(2):
        second = latents(data, tiny_weights, order=-1)
    assert len(first) == 4
    for a, b in zip(first, second, strict=True):
        assert (a == b).all()


@contextmanager
def threads(count: int) -> Iterator[None]:
    """So many threads of torch's, where it is installed."""
    if importlib.util.find_spec("torch") is None:
        yield
        return
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    yield
    torch.set_num_threads(before)


FRESH_DECODER = """
import hashlib, sys
from pathlib import Path
from lic.codec import decode
from lic.codec.weights import load_weights
data, weights = Path(sys.argv[1]).read_bytes(), load_weights(Path(sys.argv[2]), "tiny")
print(hashlib.sha256(decode(data, weights).tobytes()).hexdigest())
"""


def test_a_fresh_process_decodes_the_same_pixels(budgie: Pixels, tmp_path: Path) -> None:
    weights = load_weights(TINY, "tiny")
    data = encode_picture(budgie[:128, :128], 70, weights)
    file = tmp_path / "out.lic"
    file.write_bytes(data)
    command = [sys.executable, "-c", FRESH_DECODER, str(file), str(TINY)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    here = codec.decode(data, weights)
    assert printed.strip() == hashlib.sha256(here.tobytes()).hexdigest()


def test_integer_weights_code_without_torch(budgie: Pixels, tmp_path: Path) -> None:
    command = FRESH_DECODER + "assert 'torch' not in sys.modules\n"
    file = tmp_path / "out.lic"
    file.write_bytes(encode_picture(budgie[:64, :64], 70, load_weights(TINY, "tiny")))
    subprocess.run([sys.executable, "-c", command, str(file), str(TINY)], check=True)


@pytest.mark.torch
@pytest.mark.parametrize("components", [1, 2, 4])
def test_mixtures_of_other_sizes_code_too(components: int, budgie: Pixels, tmp_path: Path) -> None:
    import torch

    from lic.models import PRESETS, create_model
    from lic.models.weights_file import network_bytes

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
        np.zeros(4, np.uint8),
        np.zeros((4, 4, 5), np.uint8),
        np.zeros((4, 4, 0), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((0, 4, 3), np.uint8),
    ],
)
def test_arrays_that_are_no_pictures_are_refused(
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
    tiny_weights: Weights, budgie: Pixels
) -> None:
    data = codec.encode(budgie[:64, :64], 50, tiny_weights)

    class Disturbed:
        """The executor, but for one centre."""

        def __getattr__(self, name: str) -> Any:
            return getattr(tiny_weights.executor, name)

        def entropy_path(self, side: Any, quality: int, quantise: Quantise) -> Latents:
            kept: list[tuple[int, StepParameters]] = []

            def keep(step: int, parameters: StepParameters) -> Any:
                kept.append((step, parameters))
                return parameters.centres

            tiny_weights.executor.entropy_path(side, quality, keep)
            last = kept[-1][0]

            def disturb(step: int, parameters: StepParameters) -> Any:
                parameters.centres[0, 0] += step == last
                return quantise(step, parameters)

            return tiny_weights.executor.entropy_path(side, quality, disturb)

    with pytest.raises(CorruptFileError):
        codec.decode(data, replace(tiny_weights, executor=Disturbed()))  # type: ignore[arg-type]
