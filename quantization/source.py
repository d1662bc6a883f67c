"""The float weights that networks of integers are made of."""

from __future__ import annotations

from lic.codec.errors import WeightsError
from lic.codec.manifest import InstalledWeights, find
from lic.models import CodecModel
from lic.models.weights_file import WeightsFileError, load_network


def load_source(weights_id: str) -> tuple[InstalledWeights, CodecModel]:
    """The installed float weights of an id, and their network.

    Raises WeightsError if there are none of that id, or if they cannot be loaded.
    """
    found = find(weights_id)
    if found.entry.kind != "float":
        raise WeightsError(
            f"weights {weights_id!r} are integers already, made of {found.entry.source!r}"
        )
    try:
        return found, load_network(found.file)[1]
    except WeightsFileError as error:
        raise WeightsError(f"weights {weights_id!r} cannot be loaded: {error}") from error
