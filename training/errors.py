"""What can go wrong with a training, as one named error."""

from __future__ import annotations

from lic.codec.errors import LicError


class TrainingError(LicError):
    """The training cannot start, or cannot go on; the message says why, in one sentence."""

    exit_code = 10
