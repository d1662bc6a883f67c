"""What can go wrong with a training, as named errors."""

from __future__ import annotations

from lic.codec.errors import LicError


class TrainingError(LicError):
    """The training cannot start, or cannot go on; the message says why, in one sentence."""

    exit_code = 10


class SettingsError(TrainingError):
    """A setting is unknown, or its value makes no sense."""

    exit_code = 16


class TrainingInterruptedError(TrainingError):
    """A signal ended the training early, after a checkpoint: it can be resumed."""

    exit_code = 15
