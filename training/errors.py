"""What can go wrong with a training, as one named error for the command line."""

from __future__ import annotations


class TrainingError(Exception):
    """The training cannot start, or cannot go on; the message says why, in one sentence."""

    exit_code = 10
