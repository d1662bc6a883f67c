"""The deployable family: what decides the speed comes first; its sister is `lic.models.mlic`."""

from lic.models.deployable.config import DeployableConfig
from lic.models.deployable.model import Deployable

__all__ = ["Deployable", "DeployableConfig"]
