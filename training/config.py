"""The settings of a training: defaults, a TOML file, overrides, and the file saved with the run.

Every setting is a field of `TrainingConfig`, with a line of help which the saved file repeats: a
run's config.toml is the documentation of what can be set. Unknown keys are errors that name the
nearest known one.
"""

from __future__ import annotations

import difflib
import json
import math
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from lic.models import PRESETS, check_config, config_defaults, stage_shares
from lic.training.errors import SettingsError

CONFIG = "config.toml"
_FINE_TUNING_RATE = 1e-3


def _setting(default: Any, help: str) -> Any:
    return field(default=default, metadata={"help": help})


@dataclass(frozen=True)
class TrainingConfig:
    """How to train. One of ``minutes`` and ``steps`` is the budget; the other is 0."""

    preset: str = _setting("", "sizes of the network (`lic models --all`); empty: init's, or small")
    folders: tuple[str, ...] = _setting((), "where the training pictures are")
    val: str = _setting("", "folder of held-out pictures; empty: one in twenty of the others")
    init: str = _setting("", "weights to start, or to grow, from: an id or a file; or empty")
    minutes: float = _setting(0.0, "budget by the clock, or 0")
    steps: int = _setting(0, "budget by steps, or 0")
    processes: int = _setting(1, "processes on this machine; use torchrun for several machines")
    batch: int = _setting(8, "crops a step and process")
    crop: int = _setting(128, "side of the crops in pixels")
    final_crop: int = _setting(
        256, "side of the crops at the end; a step has fewer of them, with as many pixels"
    )
    final_fraction: float = _setting(0.2, "fraction of each stage that is trained on final_crop")
    rescale: float = _setting(
        0.0, "fraction of the steps whose crops are shrunk, by a factor of 1 to 2"
    )
    graphics: float = _setting(0.05, "fraction of the crops' area that is rendered graphics")
    recolour: float = _setting(0.03, "fraction of the crops whose colours are changed at random")
    low_rates: float = _setting(1.0, "quality is u^this, u uniform: above 1, low rates more often")
    loss: str = _setting("mse", "distortion: mse, ms-ssim, or yuv (mixed with RGB's)")
    yuv_weight: float = _setting(0.5, "share of YUV in the distortion yuv, 0 to 1")
    learning_rate: float = _setting(0.0, "peak of AdamW's rate; 0: the preset's, or 1e-3 with init")
    schedule: str = _setting("linear", "how the rate falls to zero: linear, cosine, or trapezoid")
    fall: float = _setting(0.3, "last fraction of a stage, in which the schedule trapezoid falls")
    warmup: int = _setting(300, "warm-up steps of a stage, and after a snapshot")
    weight_decay: float = _setting(1e-4, "weight decay of convolutions")
    clip: float = _setting(1.0, "a gradient is scaled down to this norm")
    crop_limit: float = _setting(2.0, "limit of a crop's loss, in units of the mean loss")
    ema: float = _setting(0.999, "decay of the moving average of the weights, which is the result")
    linear_start: bool = _setting(True, "begin as the KLT codec of the training pictures")
    bf16: bool = _setting(True, "compute the networks in bfloat16 where the device can")
    compile: str = _setting(
        "", "torch.compile's mode: default, reduce-overhead (CUDA graphs), max-autotune; or empty"
    )
    validations: int = _setting(10, "number of validations on the held-out pictures")
    checkpoint_seconds: float = _setting(120.0, "seconds between checkpoints")
    max_pixels: float = _setting(4e8, "memory for a process's pictures, in pixels (3 bytes)")
    seed: int = _setting(0, "random seed")
    shares: dict[str, float] = field(
        default_factory=dict,
        metadata={
            "help": "fraction of the budget of each later stage, if the network has the stage"
        },
    )
    model: dict[str, Any] = field(
        default_factory=dict,
        metadata={"help": "changes to the network's configuration"},
    )

    def __post_init__(self) -> None:
        """Check the values, and fill in the preset's; raises SettingsError."""
        if not self.preset and not self.init:
            object.__setattr__(self, "preset", "small")
        if self.preset and self.preset not in PRESETS:
            raise SettingsError(_unknown("preset", self.preset, PRESETS))
        if self.learning_rate == 0:
            rate = _FINE_TUNING_RATE if self.init else PRESETS[self.preset].learning_rate
            object.__setattr__(self, "learning_rate", rate)
        if (self.minutes > 0) == (self.steps > 0):
            raise SettingsError("one of minutes and steps must be set, and above 0")
        for name, choices in _CHOICES.items():
            value = getattr(self, name)
            if value not in choices:
                raise SettingsError(
                    f"{name} must be one of {', '.join(filter(None, choices))}, not {value!r}"
                )
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if not low <= value <= high:  # not a number fails, too
                raise SettingsError(f"{name} must lie between {low:g} and {high:g}, not {value}")
        shares = _checked(self.shares, stage_shares(), "shares.")
        if min(shares.values(), default=0) < 0 or not sum(shares.values()) <= 0.9:
            raise SettingsError("shares must not be negative, and leave the first stage a tenth")
        object.__setattr__(self, "shares", {**stage_shares(), **shares})
        for name in ("crop", "final_crop"):
            if getattr(self, name) % 64:
                raise SettingsError(f"{name} must be a multiple of 64, not {getattr(self, name)}")
        if self.preset:
            preset = PRESETS[self.preset]
            object.__setattr__(self, "model", _checked_model(preset.model, self.model))
            self.network(preset.model, preset.config)

    def network(self, name: str, config: Mapping[str, Any]) -> dict[str, Any]:
        """The configuration of the model ``name`` with this training's changes.

        Raises SettingsError if the model has no such setting, or if the values make no network.
        """
        changed = {**config, **_checked_model(name, self.model)}
        try:
            check_config(name, changed)
        except ValueError as error:
            raise SettingsError(f"there is no network of these sizes: {error}") from error
        return changed

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> TrainingConfig:
        """The settings of keys and values, as TOML has them.

        Raises
        ------
        SettingsError
            For an unknown key, a value of another type, or one that makes no sense.
        """
        defaults: dict[str, Any] = {
            f.name: {} if f.name in _TABLES else f.default for f in fields(cls)
        }
        return cls(**_checked(values, defaults, ""))

    def to_toml(self) -> str:
        """All settings as a TOML file, with a line of help each."""
        lines = []
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name in _TABLES:
                lines += ["", f"# {item.metadata['help']}", f"[{item.name}]"]
                lines += [f"{key} = {_toml(each)}" for key, each in value.items()]
            else:
                lines.append(f"{item.name} = {_toml(value)}  # {item.metadata['help']}")
        return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    """A text, number, truth value or list of texts: TOML writes them as JSON does."""
    return json.dumps(value, ensure_ascii=False)


_TABLES = ("shares", "model")
_CHOICES = {
    "loss": ("mse", "ms-ssim", "yuv"),
    "schedule": ("linear", "cosine", "trapezoid"),
    "compile": ("", "default", "reduce-overhead", "max-autotune"),
}
_RANGES = {
    "minutes": (0, 1e7),
    "steps": (0, 1e9),
    "processes": (1, 1024),
    "batch": (1, 65536),
    "crop": (64, 4096),
    "final_crop": (64, 4096),
    "final_fraction": (0, 1),
    "rescale": (0, 1),
    "graphics": (0, 0.9),
    "recolour": (0, 1),
    "low_rates": (0.1, 10),
    "fall": (0.001, 1),
    "validations": (1, 1e6),
    "yuv_weight": (0, 1),
    "learning_rate": (1e-9, 1),
    "warmup": (1, 1e9),
    "weight_decay": (0, 1),
    "clip": (1e-6, 1e6),
    "crop_limit": (1, 1e9),
    "ema": (0, 0.999999),
    "checkpoint_seconds": (0, 1e7),
    "max_pixels": (1, 1e12),
    "seed": (0, 2**31 - 1),
}


def _unknown(kind: str, name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, known, 1, cutoff=0.4)
    return f"there is no {kind} {name!r}" + (f"; did you mean {near[0]!r}?" if near else "")


def _checked(values: Mapping[str, Any], defaults: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """The values by known keys, each of its default's type; raises SettingsError."""
    checked = {}
    for key, value in values.items():
        if key not in defaults:
            raise SettingsError(_unknown("setting", prefix + key, [prefix + k for k in defaults]))
        kind = type(defaults[key])
        if kind is float and type(value) is int:
            value = float(value)
        elif kind is int and type(value) is float and math.isfinite(value) and value == int(value):
            value = int(value)
        elif kind is tuple and isinstance(value, list | tuple):
            element = type(defaults[key][0]) if defaults[key] else str
            allowed = (int, float) if element is float else (element,)
            value = tuple(map(element, value)) if all(type(v) in allowed for v in value) else value
        if type(value) is not kind:
            raise SettingsError(f"{prefix}{key} must be {_KINDS[kind]}, not {value!r}")
        checked[key] = value
    return checked


def _checked_model(name: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Changes to a model's configuration, by known keys; raises SettingsError."""
    return _checked(changes, config_defaults(name), "model.")


_KINDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    tuple: "a list, of texts or of numbers",
    dict: "a table",
}


def read_values(path: Path) -> dict[str, Any]:
    """The keys and values of a TOML file; raises SettingsError if it is none."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8", errors="surrogateescape"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"cannot read the settings in {path}: {error}") from error


def with_current_names(values: Mapping[str, Any]) -> dict[str, Any]:
    """Saved keys and values with the names of today.

    Runs once knew two stages only, and saved the share of the second, MLICv2's selection, as
    ``second_stage``.
    """
    current = dict(values)
    if "second_stage" in current:
        current["shares"] = {"selection": current.pop("second_stage")}
    return current


def override(values: Mapping[str, Any], assignments: Iterable[str]) -> dict[str, Any]:
    """Values with some changed by assignments such as ``batch=4`` or ``model.components=1``.

    The value is read as TOML, or else taken as text. Raises SettingsError for words that are no
    assignment.
    """
    changed = dict(values)
    for assignment in assignments:
        key, equals, text = (part.strip() for part in assignment.partition("="))
        if not key or not equals:
            raise SettingsError(f"{assignment!r} must have the form key=value")
        try:
            value = tomllib.loads(f"value = {text}")["value"]
        except ValueError:
            value = text
        name, _, inner = key.partition(".")
        if inner and name in _TABLES:
            table = changed.get(name, {})
            if not isinstance(table, dict):
                raise SettingsError(f"{name} must be a table, not {table!r}")
            changed[name] = {**table, inner: value}
        else:
            changed[key] = value
    return changed
