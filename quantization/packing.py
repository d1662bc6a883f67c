"""Float weights to integer weights: the file, and its entry in a manifest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from lic.codec.executors import open_executor
from lic.codec.executors.known_answers import check_answers
from lic.codec.manifest import new_entry, write_manifest
from lic.codec.output import make_folder, write_file
from lic.codec.pixels import Pixels
from lic.codec.weights import codec_bytes, read_codec
from lic.integer_networks import GraphError
from lic.integer_networks.costs import kmac_per_pixel, parameter_count
from lic.models import CodecModel
from lic.models.deployable.model import Deployable
from lic.quantization.aware_training import HARD_SHARE, LEARNING_RATE, quantized, stages
from lic.quantization.bits import BitPlan, parse_several
from lic.quantization.comparison import Difference, differences
from lic.quantization.errors import QuantizationError
from lic.quantization.float_graph import Shapes
from lic.quantization.pictures import middle_crops
from lic.quantization.quantized_codec import QuantizedCodec
from lic.quantization.search.space import check_architecture, read_architecture
from lic.quantization.search.supernet import sort_channels
from lic.quantization.source import load_source
from lic.training.errors import SettingsError
from lic.training.run import gather_settings, start

BITS = "bits.json"


@dataclass(frozen=True)
class Training:
    """A quantization-aware training: its folder and its settings."""

    run: Path
    settings: Mapping[str, Any] = field(default_factory=dict)
    """`lic.training.config.TrainingConfig`'s; the budget must be among them, unless it goes on."""
    assignments: Sequence[str] = ()
    """More settings, as text."""
    resume: bool = False
    """Whether a run that is there goes on."""


@dataclass(frozen=True)
class Chosen:
    """What the integers of a network are to be."""

    plans: Mapping[str, BitPlan] = field(default_factory=lambda: {"": BitPlan()})
    """By their names; one set of weights is trained for all of them."""
    shapes: Shapes = field(default_factory=dict)


@dataclass(frozen=True)
class Made:
    """Weights of integers, and how their files differ from those of the network of floats."""

    file: Path
    cost: list[Difference]


def chosen(text: str) -> Chosen:
    """What a text stands for: bits as in `parse_several`, or a file that a search made.

    Raises QuantizationError if it is neither.
    """
    file = Path(text)
    if not file.is_file():
        plans = parse_several(text)
        return Chosen(plans if len(plans) > 1 else {"": next(iter(plans.values()))})
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise QuantizationError(f"{text} cannot be read: {error}") from error
    plan, shapes = read_architecture(values)
    return Chosen({"": plan}, shapes)


def quantize(
    source: str,
    folders: Sequence[Path],
    weights_id: str,
    out: Path,
    notes: Mapping[str, Any],
    count: int,
    wanted: Chosen | None = None,
    training: Training | None = None,
) -> list[Made]:
    """Lower the installed float weights ``source`` to integers, and write ``out``/ID.safetensors.

    ``count`` pictures below the folders calibrate the network, and as many others tell what it
    costs. ``notes`` (summary, command) go to the manifest. By default, bits are the default's and
    blocks the network's; without a training, it is rounded as it is. Several plans of bits make as
    many files, of the id and the plan's name. Gives the files and their costs.

    Raises
    ------
    WeightsError
        If the source is not installed, or if an id is taken.
    PictureError
        If there are too few pictures.
    QuantizationError
        If the source is no network of the default family, or cannot have so few bits.
    TrainingError
        As for `lic.training.run.start`.
    """
    found, model = load_source(source)
    wanted = wanted or Chosen()
    ids = {name: "-".join(filter(None, (weights_id, name))) for name in wanted.plans}
    for one in ids.values():
        new_entry(out, one)
    crops = middle_crops(folders, 2 * count)
    if training is None:
        codec = _converted(deepcopy(model), wanted, crops[:count])
    else:
        codec = _trained(training, found.file, folders, wanted, crops[:count])
    entry = replace(found.entry, kind="integer", source=source, kodak=None, **notes)
    made = []
    for name, plan in wanted.plans.items():
        codec.choose(plan, wanted.shapes)
        try:
            data = codec_bytes(codec.lower(), source)
        except GraphError as error:
            raise QuantizationError(
                f"there are no exact integers of these bits: {error}"
            ) from error
        description, network = read_codec(data)
        check_answers(open_executor(network, "reference"), description["known_answers"])
        cost = differences(model, network, crops[count:])
        target, manifest = new_entry(out, ids[name])
        write_file(target, data)
        digest = hashlib.sha256(data).hexdigest()
        sizes = {part: round(cost, 3) for part, cost in kmac_per_pixel(network).items()}
        own = replace(
            entry, sha256=digest, parameters=parameter_count(network), kmac_per_pixel=sizes
        )
        write_manifest(out, {**manifest, ids[name]: own})
        made.append(Made(target, cost))
    return made


def _converted(model: CodecModel, wanted: Chosen, crops: Sequence[Pixels]) -> QuantizedCodec:
    """The network in integers, before it is trained.

    An architecture begins with the network's own weights, even if a search trained shared ones.
    """
    plans = list(wanted.plans.values())
    if not isinstance(model, Deployable):
        raise QuantizationError("only networks of the default family have integers")
    for plan in plans:
        check_architecture(model, plan, wanted.shapes)
    if wanted.shapes:
        sort_channels(model)
    codec = quantized(model, plans, crops)
    if len(plans) > 1:
        codec.served = tuple(plans)
    codec.choose(plans[0], wanted.shapes)
    return codec.eval()


def _check_bits(file: Path, wanted: Chosen, resume: bool) -> None:
    """Write what a training's bits are, or raise QuantizationError if they are not those."""
    values = {
        "plans": {name: plan.to_values() for name, plan in wanted.plans.items()},
        "shapes": {name: shape and asdict(shape) for name, shape in wanted.shapes.items()},
    }
    text = json.dumps(values, indent=1)
    if not resume:
        make_folder(file.parent)
        write_file(file, text.encode())
    elif not file.exists() or file.read_text(encoding="utf-8") != text:
        raise QuantizationError(f"the training in {file.parent} is not of these bits and blocks")


def _trained(
    training: Training, file: Path, folders: Sequence[Path], wanted: Chosen, crops: Sequence[Pixels]
) -> QuantizedCodec:
    """The network of a file after quantization-aware training, its side information frozen."""
    resume = training.resume
    given: dict[str, Any] = {}
    if not resume:
        given = {
            "init": str(file.resolve()),
            "folders": [str(folder.resolve()) for folder in folders],
            "learning_rate": LEARNING_RATE,
            "bf16": False,
            "shares": {"hard": HARD_SHARE},
        }
    settings = gather_settings(
        training.run, None, {**given, **training.settings}, training.assignments, resume
    )
    if settings.processes > 1:
        raise SettingsError("a network of integers is trained by one process")
    _check_bits(training.run / BITS, wanted, resume)
    finished = start(
        settings,
        training.run,
        "cpu",
        resume,
        convert=lambda model: (_converted(model, wanted, crops), stages()),
    )
    assert finished is not None
    codec = finished.model
    assert isinstance(codec, QuantizedCodec)
    codec.side.freeze()
    return codec.eval()
