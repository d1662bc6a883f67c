"""Float weights to integer weights: the file, and its entry in a manifest."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lic.codec.errors import WeightsError
from lic.codec.executors import open_executor
from lic.codec.executors.known_answers import check_answers
from lic.codec.manifest import find, new_entry, write_manifest
from lic.codec.output import write_file
from lic.codec.pixels import Pixels
from lic.codec.weights import codec_bytes, read_codec
from lic.integer_networks import GraphError
from lic.models.weights_file import WeightsFileError, load_network
from lic.quantization.aware_training import LEARNING_RATE, STAGES, quantized
from lic.quantization.bits import BitPlan
from lic.quantization.comparison import Difference, differences
from lic.quantization.errors import QuantizationError
from lic.quantization.pictures import middle_crops
from lic.quantization.quantized_codec import QuantizedCodec
from lic.training.run import gather_settings, start


@dataclass(frozen=True)
class Training:
    """A quantization-aware training: its folder and its settings."""

    run: Path
    settings: Mapping[str, Any] = field(default_factory=dict)
    """`lic.training.config.TrainingConfig`'s; the budget must be among them."""
    assignments: Sequence[str] = ()
    """More settings, as text."""
    resume: bool = False
    """Whether a run that is there goes on."""


def quantize(
    source: str,
    folders: Sequence[Path],
    weights_id: str,
    out: Path,
    notes: Mapping[str, Any],
    count: int,
    plan: BitPlan | None = None,
    training: Training | None = None,
) -> tuple[Path, list[Difference]]:
    """Lower the installed float weights ``source`` to integers, and write ``out``/ID.safetensors.

    ``count`` pictures below the folders calibrate the network, and as many others tell what it
    costs. ``notes`` (summary, command) go to the manifest. Without a plan, bits are the default's;
    without a training, the network is rounded as it is. Gives the file and the cost.

    Raises
    ------
    WeightsError
        If the source is not installed, or if the id is taken.
    PictureError
        If there are too few pictures.
    QuantizationError
        If the source is no network of the default family, or cannot have so few bits.
    TrainingError
        As for `lic.training.run.start`.
    """
    found = find(source)
    target, manifest = new_entry(out, weights_id)
    try:
        _, model = load_network(found.file)
    except WeightsFileError as error:
        raise WeightsError(f"weights {source!r} cannot be loaded: {error}") from error
    crops = middle_crops(folders, 2 * count)
    plan = plan or BitPlan()
    if training is None:
        codec = quantized(model, [plan], crops[:count])
    else:
        codec = _trained(training, found.file, folders, plan, crops[:count])
    try:
        data = codec_bytes(codec.lower(), source)
    except GraphError as error:
        raise QuantizationError(f"there are no exact integers of these bits: {error}") from error
    description, network = read_codec(data)
    check_answers(open_executor(network, "reference"), description["known_answers"])
    cost = differences(model, network, crops[count:])
    write_file(target, data)
    digest = hashlib.sha256(data).hexdigest()
    entry = replace(found.entry, kind="integer", source=source, sha256=digest, kodak=None, **notes)
    write_manifest(out, {**manifest, weights_id: entry})
    return target, cost


def _trained(
    training: Training, file: Path, folders: Sequence[Path], plan: BitPlan, crops: Sequence[Pixels]
) -> QuantizedCodec:
    """The network of a file after quantization-aware training, its side information frozen."""
    given = {
        "init": str(file.resolve()),
        "folders": [str(folder.resolve()) for folder in folders],
        "learning_rate": LEARNING_RATE,
        "bf16": False,
        **training.settings,
    }
    resume = training.resume
    settings = gather_settings(
        training.run, None, {} if resume else given, training.assignments, resume
    )
    finished = start(
        settings,
        training.run,
        "cpu",
        resume,
        convert=lambda model: (quantized(model, [plan], crops), STAGES),
    )
    assert finished is not None
    codec = finished.model
    assert isinstance(codec, QuantizedCodec)
    codec.side.freeze()
    return codec.eval()
