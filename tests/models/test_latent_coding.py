from __future__ import annotations

import math
from dataclasses import replace

import torch

from lic.entropy_coding import SCALES
from lic.models.latent_coding import worth_coding
from lic.models.mixture import Mixture


def mixture(scales: list[list[float]]) -> Mixture:
    """Latents (1, n, 1, 1) with components of these scales, (K, n)."""
    log_scales = torch.tensor(scales).log()[None, :, :, None, None].float().requires_grad_()
    zeros = torch.zeros_like(log_scales)
    return Mixture(zeros[:, 0], zeros, log_scales, zeros)


def test_a_latent_is_coded_if_one_of_its_scales_is_large_enough() -> None:
    below, at = float(SCALES[4]), float(SCALES[5])
    subject = mixture([[below, at, below], [below, below, at]])
    assert worth_coding(subject, subject.scale_indices(), 5).tolist() == [False, True, True]
    assert worth_coding(subject, subject.scale_indices(), 0).all()


def test_a_scale_counts_as_the_coder_rounds_it() -> None:
    middle = math.sqrt(float(SCALES[4]) * float(SCALES[5]))
    subject = mixture([[0.999 * middle, 1.001 * middle]])
    assert worth_coding(subject, subject.scale_indices(), 5).tolist() == [False, True]
    _, parameters = subject.to_integers()
    assert (parameters.scales == subject.scale_indices()).all()


def test_a_latent_that_is_not_selected_is_not_coded() -> None:
    subject = mixture([[1.0, 1.0]])
    selection = torch.tensor([-9.0, 9.0]).view(1, 2, 1, 1)
    chosen = replace(subject, selection=selection)
    assert worth_coding(chosen, chosen.scale_indices(), 0).tolist() == [False, True]
