"""All executors of networks of integers give the same integers, and check that they do."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lic.codec.errors import MissingDeviceError, MissingPackageError
from lic.codec.executors import Executor, open_executor
from lic.codec.executors.integers import IntegerExecutor
from lic.codec.executors.known_answers import check_answers, known_answers
from lic.codec.latent_coding import decode_latents, encode_latents
from lic.integer_networks.codec_network import CodecNetwork
from lic.integer_networks.native import NativeGraph

Pixels = NDArray[np.uint8]


def results(executor: Executor, pixels: Pixels, quality: int) -> list[Any]:
    """Everything that an executor makes of pictures, down to bytes and pixels."""
    latents = executor.analyse(pixels, quality)
    side, targets = (
        executor.side_information(latents, quality),
        executor.targets(latents, quality),
    )
    streams, sent = encode_latents(executor, targets, side, quality, 3)
    shape = (side.shape[1], side.shape[2])
    received = decode_latents(executor, streams, shape, quality, 3)
    assert (sent == received).all()
    return [latents, side, targets, streams, received, executor.synthesise(received, quality)]


@pytest.mark.parametrize("quality", [0, 1, 4999, 10000])
@pytest.mark.parametrize(
    "device",
    [
        "cpu",
        pytest.param("torch", marks=pytest.mark.torch),
        pytest.param("onnx", marks=pytest.mark.onnx),
    ],
)
def test_every_executor_computes_what_the_reference_does(
    device: str, quality: int, network: CodecNetwork, budgie: Pixels
) -> None:
    extremes = np.random.default_rng(quality).choice([0, 255], (64, 128, 3)).astype(np.uint8)
    pixels = np.stack((budgie[100:164, 100:228], extremes))
    expected = results(open_executor(network, "reference"), pixels, quality)
    found = results(open_executor(network, device), pixels, quality)
    for a, b in zip(expected, found, strict=True):
        assert a == b if isinstance(a, list) else (a == b).all()


def test_pictures_of_a_batch_are_computed_one_by_one(network: CodecNetwork, budgie: Pixels) -> None:
    executor = open_executor(network)
    pixels = np.stack((budgie[:64, :64], budgie[64:128, 64:128]))
    together = results(executor, pixels, 7000)
    for picture in range(2):
        alone = results(executor, pixels[picture : picture + 1], 7000)
        for a, b in zip(together, alone, strict=True):
            assert a[picture] == b[0] if isinstance(a, list) else (a[picture] == b[0]).all()


@pytest.mark.torch
@pytest.mark.parametrize("quality", [0, 5000, 10000])
def test_an_analysis_in_half_precision_makes_files_that_decode_everywhere(
    quality: int, network: CodecNetwork, budgie: Pixels
) -> None:
    exact, half = open_executor(network), open_executor(network, "torch-half")
    assert known_answers(half) == known_answers(exact)
    pixels = budgie[None, 100:228, 100:228]
    expected, latents = (executor.analyse(pixels, quality) for executor in (exact, half))
    error = latents.astype(float) - expected
    assert 0 < error.std() < 0.01 * expected.std()
    side, targets = half.side_information(latents, quality), half.targets(latents, quality)
    streams, sent = encode_latents(half, targets, side, quality, 3)
    received = decode_latents(exact, streams, (side.shape[1], side.shape[2]), quality, 3)
    assert (sent == received).all()
    assert (half.synthesise(sent, quality) == exact.synthesise(received, quality)).all()


def test_an_executor_that_computes_something_else_is_refused(network: CodecNetwork) -> None:
    executor = open_executor(network)
    answers = known_answers(executor)
    check_answers(executor, answers)

    class Wrong(IntegerExecutor):
        def synthesise(self, latents: Any, quality: int) -> Pixels:
            return executor.synthesise(latents, quality) ^ 1

    with pytest.raises(ValueError, match=r"other integers in synthesis$"):
        check_answers(Wrong(network, NativeGraph), answers)
    for none in (None, [], {}):
        with pytest.raises(ValueError, match=r"no known answers|other integers"):
            check_answers(executor, none)


@pytest.mark.torch
@pytest.mark.parametrize("device", ["tpu9", "cuda:99", "meta"])
def test_a_device_that_cannot_be_used_is_a_named_error(device: str, network: CodecNetwork) -> None:
    with pytest.raises(MissingDeviceError, match=device):
        open_executor(network, device)


@pytest.mark.onnx
@pytest.mark.parametrize("device", ["onnx-abacus", "onnx-tensorrt"])
def test_a_device_that_cannot_be_exact_is_a_named_error(device: str, network: CodecNetwork) -> None:
    with pytest.raises(MissingDeviceError, match=f"onnx or onnx-cuda, not on '{device}'"):
        open_executor(network, device)


@pytest.mark.onnx
def test_a_provider_that_is_not_installed_is_a_named_error(network: CodecNetwork) -> None:
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this ONNX Runtime has CUDA")
    with pytest.raises(MissingDeviceError, match=r"'onnx-cuda' here; .*CPUExecutionProvider"):
        open_executor(network, "onnx-cuda")


def test_a_missing_package_is_a_named_error(
    network: CodecNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "lic.codec.executors.onnx_graph", raising=False)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingPackageError, match=r"onnx.*pip install 'lic\[onnx\]'"):
        open_executor(network, "onnx")
