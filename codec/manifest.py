"""Which weights there are: folders of weights files, each with a manifest that tells of them.

A manifest is a JSON object of entries by id; the file of an id is ID.safetensors beside it. Nothing
here opens a weights file, or imports torch: `weights` loads them.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, get_origin, get_type_hints

import lic.weights as package
from lic.codec.container import DIGEST_BYTES
from lic.codec.errors import WeightsError
from lic.codec.output import make_folder, write_file

MANIFEST = "manifest.json"
FOLDERS_VARIABLE = "LIC_WEIGHTS"
KINDS = ("float", "integer")
_Parsed = TypeVar("_Parsed")


@dataclass(frozen=True)
class KodakPoints:
    """Measured means over the Kodak pictures, a value for each quality, by rising quality.

    Raises
    ------
    ValueError
        If the columns are not numbers, or not of one length.
    """

    quality: tuple[float, ...]
    """0 to 100."""
    bpp: tuple[float, ...]
    """Bits of the whole file a pixel."""
    psnr: tuple[float, ...]
    """dB."""
    ms_ssim: tuple[float, ...]
    """0 to 1."""
    bd_rate_vtm: float | None
    """BD-rate (PSNR) against VTM in percent, if the curves overlap."""

    def __post_init__(self) -> None:
        columns = (self.quality, self.bpp, self.psnr, self.ms_ssim)
        if len(set(map(len, columns))) != 1:
            raise ValueError("the points' columns are not of one length")
        if not all(isinstance(value, int | float) for column in columns for value in column):
            raise ValueError("the points are not numbers")


@dataclass(frozen=True)
class WeightsEntry:
    """What a manifest tells of a weights file.

    Raises
    ------
    ValueError
        If a field is not as described.
    """

    kind: str
    """"integer": weights that code; "float": a network to train on from, which needs torch."""
    source: str | None
    """Of integer weights, the id of the float weights that they were lowered from."""
    summary: str
    """One line for people."""
    command: str
    """What made them."""
    data: str
    """What they were trained on."""
    hardware: str
    """Where they were trained."""
    sha256: str
    """Of the weights file, 64 hexadecimal digits."""
    model: str
    """The registered name of the network's class."""
    config: dict[str, Any]
    """The network's configuration."""
    parameters: int
    """The network's parameters."""
    kmac_per_pixel: dict[str, float]
    """Thousands of multiply-accumulates a pixel, by part, and for "encode" and "decode"."""
    training: dict[str, Any]
    """Settings of the training."""
    steps: int
    """Steps of the training."""
    minutes: float
    """Duration of the training."""
    kodak: KodakPoints | None
    """None if they were not measured."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, not {self.kind!r}")
        if self.kind == "float" and self.source is not None:
            raise ValueError("float weights have no source")
        if not re.fullmatch("[0-9a-f]{64}", self.sha256):
            raise ValueError("sha256 must be of 64 hexadecimal digits")
        if not {"encode", "decode"} <= self.kmac_per_pixel.keys():
            raise ValueError("kmac_per_pixel must tell the cost to encode and to decode")

    @property
    def digest(self) -> bytes:
        """The part of the SHA-256 that files carry, 4 bytes."""
        return bytes.fromhex(self.sha256)[:DIGEST_BYTES]

    @classmethod
    def from_json(cls, values: Any) -> WeightsEntry:
        """An entry of parsed JSON; raises ValueError for missing, unknown or mistyped fields."""
        if isinstance(values, dict) and values.get("kodak") is not None:
            values = {**values, "kodak": _parse(KodakPoints, values["kodak"])}
        return _parse(cls, values)


def _parse(cls: type[_Parsed], values: Any) -> _Parsed:
    """A dataclass of a JSON object that has just its fields, each of its type."""
    if not isinstance(values, dict):
        raise ValueError("an object is missing")
    hints = get_type_hints(cls)
    for problem, names in (("missing", hints.keys() - values), ("unknown", values.keys() - hints)):
        if names:
            raise ValueError(f"fields are {problem}: {', '.join(sorted(names))}")
    parsed = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    for name, hint in hints.items():
        expected = hint if isinstance(hint, UnionType) else get_origin(hint) or hint
        whole_for_real = expected is float and isinstance(parsed[name], int)
        if not (isinstance(parsed[name], expected) or whole_for_real):
            raise ValueError(f"the field {name} has a value of another type")
    return cls(**parsed)


@dataclass(frozen=True)
class InstalledWeights:
    """Weights that can be used by their id."""

    id: str
    folder: Path
    entry: WeightsEntry

    @property
    def file(self) -> Path:
        """The weights file."""
        return self.folder / f"{self.id}.safetensors"


def weights_folders() -> list[Path]:
    """Where weights are looked for: the folders in LIC_WEIGHTS (as in PATH), then the package's."""
    chosen = os.environ.get(FOLDERS_VARIABLE, "").split(os.pathsep)
    return [*map(Path, filter(None, chosen)), Path(package.__path__[0])]


def use_folder(folder: Path) -> str:
    """Look in a folder first, in this process and those that it starts; gives its newest id.

    Raises WeightsError if the folder holds no weights.
    """
    ids = list(read_manifest(folder))
    if not ids:
        raise WeightsError(f"there are no weights in {folder}")
    others = os.environ.get(FOLDERS_VARIABLE, "").split(os.pathsep)
    folders = [str(folder.resolve()), *filter(None, others)]
    os.environ[FOLDERS_VARIABLE] = os.pathsep.join(folders)
    return ids[-1]


def read_manifest(folder: Path) -> dict[str, WeightsEntry]:
    """A folder's manifest: entries by id, the newest last.

    Raises WeightsError if it cannot be read, or an entry is not as `WeightsEntry` describes.
    """
    entries = {}
    weights_id = None
    try:
        for weights_id, values in dict(json.loads((folder / MANIFEST).read_text())).items():
            entries[weights_id] = WeightsEntry.from_json(values)
    except (OSError, ValueError, TypeError) as error:
        place = f"the manifest in {folder}" + (f", at {weights_id!r}," if weights_id else "")
        raise WeightsError(f"{place} cannot be read: {error}") from error
    return entries


def write_manifest(folder: Path, entries: Mapping[str, WeightsEntry]) -> None:
    """Write a folder's manifest, the newest entry last; raises OutputError."""
    values = {weights_id: asdict(entry) for weights_id, entry in entries.items()}
    write_file(folder / MANIFEST, (json.dumps(values, indent=1) + "\n").encode())


def new_entry(folder: Path, weights_id: str) -> tuple[Path, dict[str, WeightsEntry]]:
    """Where a folder, which is made, will have the file of new weights; and its manifest so far.

    Raises
    ------
    WeightsError
        If the id is none, or is taken, here or by installed weights.
    OutputError
        If the folder cannot be made.
    """
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,62}", weights_id):
        raise WeightsError(
            f"the id {weights_id!r} must be of 1 to 63 small letters, digits, dots, dashes and "
            "underscores"
        )
    target = folder / f"{weights_id}.safetensors"
    manifest = read_manifest(folder) if (folder / MANIFEST).exists() else {}
    if weights_id in manifest or weights_id in installed() or target.exists():
        raise WeightsError(f"the id {weights_id!r} is taken: ids are permanent")
    make_folder(folder)
    return target, manifest


def installed() -> dict[str, InstalledWeights]:
    """All weights that can be used, by their ids; raises WeightsError."""
    found: dict[str, InstalledWeights] = {}
    for folder in weights_folders():
        for weights_id, entry in read_manifest(folder).items():
            found.setdefault(weights_id, InstalledWeights(weights_id, folder, entry))
    return found


def find(weights_id: str) -> InstalledWeights:
    """The installed weights of an id; raises WeightsError if there are none."""
    weights = installed()
    if weights_id not in weights:
        names = ", ".join(sorted(weights)) or "none"
        raise WeightsError(
            f"weights {weights_id!r} are not installed; there are: {names} (--weights-folder, or "
            f"the environment variable {FOLDERS_VARIABLE}, names a folder of others)"
        )
    return weights[weights_id]


def float_weights_file(source: str) -> Path:
    """The file of the float weights of an id, or a path to a .safetensors file as it is.

    Of integer weights, it is the file of the float weights that they were made of. Raises
    WeightsError for an id that is not installed.
    """
    if source.endswith(".safetensors"):
        return Path(source)
    found = find(source)
    return found.file if found.entry.source is None else find(found.entry.source).file
