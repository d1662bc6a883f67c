"""Float weights to integer weights: the file, and its entry in a manifest."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from lic.codec.errors import WeightsError
from lic.codec.executors import open_executor
from lic.codec.executors.known_answers import check_answers
from lic.codec.manifest import find, new_entry, write_manifest
from lic.codec.output import write_file
from lic.codec.weights import codec_bytes, read_codec
from lic.models.deployable.model import Deployable
from lic.models.weights_file import WeightsFileError, load_network
from lic.quantization.codec_lowering import lower_codec
from lic.quantization.comparison import Difference, differences
from lic.quantization.pictures import middle_crops


def quantize(
    source: str,
    folders: Sequence[Path],
    weights_id: str,
    out: Path,
    notes: Mapping[str, Any],
    count: int,
) -> tuple[Path, list[Difference]]:
    """Lower the installed float weights ``source`` to integers, and write ``out``/ID.safetensors.

    ``count`` pictures below the folders calibrate the network, and as many others tell what it
    costs. ``notes`` (summary, command) go to the manifest. Gives the file and the cost.

    Raises
    ------
    WeightsError
        If the source is not installed or no network of the default family, or if the id is taken.
    PictureError
        If there are too few pictures.
    """
    found = find(source)
    target, manifest = new_entry(out, weights_id)
    try:
        _, model = load_network(found.file)
    except WeightsFileError as error:
        raise WeightsError(f"weights {source!r} cannot be loaded: {error}") from error
    if not isinstance(model, Deployable):
        raise WeightsError(f"weights {source!r} are not of the default family, which has integers")
    crops = middle_crops(folders, 2 * count)
    tensors = (torch.from_numpy(crop).permute(2, 0, 1)[None].float() / 255 for crop in crops)
    seen = [next(tensors) for _ in range(count)]
    data = codec_bytes(lower_codec(model.eval(), seen), source)
    description, network = read_codec(data)
    check_answers(open_executor(network, "reference"), description["known_answers"])
    cost = differences(model, network, crops[count:])
    write_file(target, data)
    digest = hashlib.sha256(data).hexdigest()
    entry = replace(found.entry, kind="integer", source=source, sha256=digest, kodak=None, **notes)
    write_manifest(out, {**manifest, weights_id: entry})
    return target, cost
