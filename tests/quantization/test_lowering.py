import numpy as np
import pytest
import torch

from lic.codec.manifest import float_weights_file
from lic.integer_networks.codec_network import CodecNetwork, place
from lic.integer_networks.reference import run
from lic.models.deployable.context import position
from lic.models.deployable.model import Deployable
from lic.models.weights_file import load_network
from lic.quantization.bits import BitPlan
from lic.quantization.calibration import calibrate
from lic.quantization.quantized_codec import QuantizedCodec

QUALITY = 6000


@pytest.fixture(scope="module")
def crop() -> torch.Tensor:
    """A smooth picture (1, 3, 64, 128) with some noise, in 0..1."""
    rng = np.random.default_rng(3)
    across = np.linspace(0, 3, 128)[None, :, None] + np.linspace(0, 2, 64)[:, None, None]
    picture = 0.5 + 0.3 * np.sin(across + np.arange(3)) + 0.05 * rng.standard_normal((64, 128, 3))
    levels = np.rint(255 * picture.clip(0, 1)) / 255
    return torch.from_numpy(levels).permute(2, 0, 1)[None].float()


@pytest.fixture(scope="module")
def model() -> Deployable:
    _, model = load_network(float_weights_file("small-2"))
    assert isinstance(model, Deployable)
    return model.eval()


@pytest.fixture(scope="module")
def network(model: Deployable, crop: torch.Tensor) -> CodecNetwork:
    return QuantizedCodec(model, [BitPlan()], calibrate(model, [crop])).lower()


@torch.no_grad()
def test_analysis_and_synthesis_are_those_of_the_float_network(
    model: Deployable, network: CodecNetwork, crop: torch.Tensor
) -> None:
    quality = torch.tensor([QUALITY / 10000])
    y = model.analysis(crop, quality) * model.entropy.latent_gain(quality)
    pixels = (2 * (255 * crop).round() - 255).short().permute(0, 2, 3, 1).numpy()
    (latents,) = run(network.analysis, (pixels,), QUALITY)
    targets = network.targets(latents, QUALITY) / 64  # type: ignore[arg-type]
    assert np.abs(targets - y.permute(0, 2, 3, 1).numpy()).max() < 0.1  # of a step

    (decoded,) = run(network.synthesis, (latents,), QUALITY)  # type: ignore[arg-type]
    x_hat = model.synthesis(y / model.entropy.latent_gain(quality), quality)
    wanted = (255 * x_hat).clamp(0, 255).permute(0, 2, 3, 1).numpy()
    error = decoded - wanted  # type: ignore[operator]
    assert np.abs(error).max() < 1.5
    assert np.sqrt((error**2).mean()) < 0.35  # rounding to levels alone gives 0.29


@torch.no_grad()
def test_mixtures_are_those_of_the_float_network(
    model: Deployable, network: CodecNetwork, crop: torch.Tensor
) -> None:
    quality = torch.tensor([QUALITY / 10000])
    z = model.hyper_analysis(model.analysis(crop, quality), quality).round()
    side = (64 * z).permute(0, 2, 3, 1).short().numpy()
    (features,) = run(network.hyper_synthesis, (side,), QUALITY)
    (mixture,) = run(network.steps[0], (features,), QUALITY)  # type: ignore[arg-type]
    real = model.entropy.features(z, quality)
    expected = model.entropy.mixture(
        0, real, torch.zeros(1, 256, 4, 8), model.entropy.latent_gain.log(quality)
    )
    centres, (parameters,) = expected.to_integers()
    centres = centres.reshape(256, 2, 4).transpose(1, 2, 0)
    scales = parameters.scales.reshape(3, 256, 2, 4).transpose(0, 2, 3, 1)
    assert np.abs(mixture.centres[0] - centres).mean() < 3  # type: ignore[union-attr]
    apart = mixture.scales[0].astype(int) - scales  # type: ignore[union-attr]
    assert np.abs(apart).mean() < 1


def test_steps_take_the_places_of_the_float_networks() -> None:
    cells = [(group, step) for group in range(4) for step in range(4)]
    assert [place(*cell) for cell in cells] == [position(*cell) for cell in cells]


def test_the_lowered_halo_is_the_float_networks(model: Deployable, network: CodecNetwork) -> None:
    assert network.halo == model.halo
