from __future__ import annotations

import torch

from lic.models import create_preset


def test_a_network_starts_as_the_codec_of_its_strongest_components() -> None:
    torch.manual_seed(0)
    model = create_preset("mlicv2-tiny")
    ramp = torch.linspace(0, 255, 64)
    crops = (ramp[None, None, None, :] + torch.zeros(4, 3, 64, 64)).to(torch.uint8)
    model.initialise(crops)
    x, quality = crops[:1] / 255, torch.tensor([0.5])
    with torch.no_grad():
        latents = model.analysis(x, quality)
        again = model.synthesis(latents, quality)
        side = model.hyper_analysis(latents, quality)
    assert (again - x).square().mean() < 1e-4
    assert 0.3 < side.std() < 3
