"""Networks as torch modules: layers, transforms, entropy models, and the registry of them all."""

from lic.models import deployable as deployable  # registers the family
from lic.models import mlic as mlic  # registers the family
from lic.models.base import HARD, CodecModel, ModelOutput
from lic.models.growth import Growth, GrowthError
from lic.models.registry import (
    PRESETS,
    Preset,
    UnknownModelError,
    check_config,
    config_defaults,
    create_model,
    create_preset,
    full_config,
    model_names,
    stage_shares,
)
from lic.models.stage import Stage

__all__ = [
    "HARD",
    "PRESETS",
    "CodecModel",
    "Growth",
    "GrowthError",
    "ModelOutput",
    "Preset",
    "Stage",
    "UnknownModelError",
    "check_config",
    "config_defaults",
    "create_model",
    "create_preset",
    "full_config",
    "model_names",
    "stage_shares",
]
