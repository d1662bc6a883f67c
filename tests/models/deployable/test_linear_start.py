from __future__ import annotations

import torch

from lic.models import create_model


def test_a_network_with_all_components_starts_as_a_lossless_transform() -> None:
    torch.manual_seed(0)
    model = create_model(
        "deployable",
        {
            "width": 192,
            "latents": 768,
            "hyper": 4,
            "hyper_width": 4,
            "features": 4,
            "context_width": 4,
        },
    )
    crops = torch.randint(0, 256, (60, 3, 64, 64), dtype=torch.uint8)
    model.initialise(crops)
    x = crops[:2] / 255
    quality = torch.tensor([0.0, 1.0])
    with torch.no_grad():
        again = model.synthesis(model.analysis(x, quality), quality)
    torch.testing.assert_close(again, x, rtol=0, atol=1e-4)


def test_fewer_components_keep_the_strongest() -> None:
    torch.manual_seed(0)
    model = create_model("deployable", {"width": 16, "latents": 16})
    ramp = torch.linspace(0, 255, 64)
    crops = (ramp[None, None, None, :] + torch.zeros(4, 3, 64, 64)).to(torch.uint8)
    model.initialise(crops)
    x = crops[:1] / 255
    quality = torch.tensor([0.5])
    with torch.no_grad():
        again = model.synthesis(model.analysis(x, quality), quality)
    assert (again - x).square().mean() < 1e-4
