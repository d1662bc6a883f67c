"""Models and presets by name.

A model class registers itself with `register_model`; a preset is a model's name and its
configuration. Tests, training and the command line iterate over these tables, so a new model is
tested and usable by being registered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from lic.models.base import CodecModel

_MODELS: dict[str, type[CodecModel]] = {}
_Model = TypeVar("_Model", bound=type[CodecModel])


class UnknownModelError(KeyError):
    """No model or preset has that name."""

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True)
class Preset:
    """A model's name and the configuration values that differ from its class's defaults.

    ``learning_rate`` is the peak to train it with: that of `small` and of `mlicv2-s` are the best
    of those tried, the others' are taken from their nearest kin.
    """

    model: str
    config: dict[str, Any]
    summary: str
    learning_rate: float = 5e-3


PRESETS: dict[str, Preset] = {
    "small": Preset("deployable", {}, "trains on a CPU in two hours"),
    "base": Preset(
        "deployable",
        {
            "latents": 320,
            "analysis_depth": 6,
            "analysis_latent_depth": 3,
            "synthesis_latent_depth": 3,
            "analysis_kernels": (5,),
            "analysis_latent_kernels": (5,),
            "synthesis_latent_kernels": (5,),
            "synthesis_kernels": (5,),
            "context_kernels": (5,),
            "correction": True,
        },
        "trains on a CPU in a day",
        2e-3,
    ),
    "tiny": Preset(
        "deployable",
        {
            "width": 32,
            "latents": 32,
            "hyper": 16,
            "hyper_width": 32,
            "features": 32,
            "context_width": 32,
            "analysis_depth": 1,
            "synthesis_depth": 1,
        },
        "for tests",
    ),
    "medium": Preset(
        "deployable",
        {
            "width": 256,
            "latents": 288,
            "hyper": 128,
            "hyper_width": 160,
            "analysis_depth": 4,
            "synthesis_depth": 9,
        },
        "trains on a GPU",
    ),
    "mlicv2": Preset("mlicv2", {}, "MLICv2 at the paper's size", 1e-3),
    "mlicv2-m": Preset(
        "mlicv2",
        {"widths": (64, 96, 128), "latents": 192, "slices": 6, "hyper": 128, "components": 3},
        "MLICv2 for one GPU",
        1e-3,
    ),
    "mlicv2-s": Preset(
        "mlicv2",
        {
            "widths": (16, 32, 96),
            "latents": 160,
            "slices": 4,
            "hyper": 32,
            "components": 3,
            "head_width": 0.25,
        },
        "MLICv2 that trains on a CPU",
        2e-3,
    ),
    "mlicv2-tiny": Preset(
        "mlicv2",
        {
            "widths": (12, 16, 24),
            "latents": 16,
            "slices": 2,
            "hyper": 8,
            "components": 3,
            "head_width": 0.5,
            "levels": 2,
        },
        "for tests",
    ),
}


def register_model(name: str) -> Callable[[_Model], _Model]:
    """Class decorator: make a model known under ``name``."""

    def register(cls: _Model) -> _Model:
        _MODELS[name] = cls
        return cls

    return register


def model_names() -> list[str]:
    """Names of the registered models."""
    return sorted(_MODELS)


def stage_shares() -> dict[str, float]:
    """The shares of the budget of all families' later stages, by the stages' names."""
    return {stage.name: stage.share for cls in _MODELS.values() for stage in cls.stages[1:]}


def config_defaults(name: str) -> dict[str, Any]:
    """What can be configured of the registered model ``name``, with the values by default."""
    return asdict(_MODELS[name].config_class())


def check_config(name: str, config: dict[str, Any]) -> None:
    """Raise ValueError for values that do not go together in the registered model ``name``."""
    _MODELS[name].read_config(config)


def create_model(name: str, config: dict[str, Any]) -> CodecModel:
    """A new model of the registered class ``name``.

    Raises
    ------
    UnknownModelError
        If no such model is registered, or the configuration has an unknown key or a value that
        makes no network.
    """
    if name not in _MODELS:
        raise UnknownModelError(f"no model {name!r}; there are {', '.join(model_names())}")
    cls: Any = _MODELS[name]
    try:
        parsed = cls.read_config(config)
    except (TypeError, ValueError) as error:
        raise UnknownModelError(f"model {name!r}: {error}") from error
    model: CodecModel = cls(parsed)
    return model


def create_preset(name: str, changes: Mapping[str, Any] | None = None) -> CodecModel:
    """A new model by a preset's name, with changes to its configuration.

    Raises UnknownModelError for an unknown name, and as `create_model`.
    """
    if name not in PRESETS:
        raise UnknownModelError(f"no preset {name!r}; there are {', '.join(PRESETS)}")
    preset = PRESETS[name]
    return create_model(preset.model, {**preset.config, **(changes or {})})


def full_config(model: CodecModel) -> dict[str, Any]:
    """All configuration values of a model, defaults included."""
    return asdict(model.config)
