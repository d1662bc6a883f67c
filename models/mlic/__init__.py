"""MLICv2 in full (arXiv 2504.19119): the strongest entropy modelling of its line, as a family.

The transforms mix tokens at 1/2 to 1/16 of the resolution; ten slices of the latents' channels are
coded in two checkerboard passes each, with contexts from near and far, within and between slices.
Use it where the rate counts and minutes do not; `lic.models.deployable` is its fast sister.
"""

from lic.models.mlic.config import MlicConfig
from lic.models.mlic.model import Mlic

__all__ = ["Mlic", "MlicConfig"]
