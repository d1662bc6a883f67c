"""Measured points of weights, noted where `lic models` shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lic.codec.manifest import KodakPoints, find, read_manifest, write_manifest

_ANCHOR = "VTM"


def note_points(weights_id: str, summary: Mapping[str, Any]) -> None:
    """Put the points of a summary on Kodak in the manifest's entry of installed weights.

    ``summary`` is that of `lic.evaluation.sweep.summarise`. Raises WeightsError or OutputError.
    """
    columns = summary["codecs"][weights_id]
    rate = summary["bd_rate"][_ANCHOR].get(weights_id)
    quality, bpp, psnr, ms_ssim = (
        tuple(round(value, 4) for value in columns[name])
        for name in ("setting", "bpp", "psnr", "ms_ssim")
    )
    points = KodakPoints(quality, bpp, psnr, ms_ssim, None if rate is None else round(rate, 2))
    folder = find(weights_id).folder
    manifest = read_manifest(folder)
    manifest[weights_id] = replace(manifest[weights_id], kodak=points)
    write_manifest(folder, manifest)
