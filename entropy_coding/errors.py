"""The one error that a damaged or hostile stream can raise."""


class CorruptStreamError(ValueError):
    """The bytes are no stream that an encoder wrote for these probabilities."""
