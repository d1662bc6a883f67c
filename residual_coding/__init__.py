"""The residual layer: pixels on top of a network's picture, or without a network.

A network is trained on photographs, and has fewer latents than a picture has samples: it fails on
what it never saw, and cannot go to the last bit. What it leaves is coded here, untrained:
pixel by pixel where neighbours tell much (text, graphics, without loss), by a transform of blocks
elsewhere. FORMAT.md beside this module describes a stream.
"""

from lic.residual_coding.layer import CorruptLayerError, Layer, Settings, decode, encode

__all__ = ["CorruptLayerError", "Layer", "Settings", "decode", "encode"]
