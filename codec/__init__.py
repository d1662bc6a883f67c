"""Pictures to files and back.

`encode` and `decode` are the library's front door. They import torch for annealing, and for weights
that are networks of floats, alone. `read_header` tells a picture's size from a file's first bytes,
and `read_container` all that a file says, without decoding it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lic.codec.container import Container, Header, read_container, read_header
from lic.codec.errors import LicError
from lic.codec.progress import Report, ignore

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from lic.codec.targets import Target
    from lic.codec.weights import Weights

DEFAULT_WEIGHTS = "small-3"
DEFAULT_QUALITY = 50.0
MAX_PIXELS = 2**28

__all__ = [
    "DEFAULT_QUALITY",
    "DEFAULT_WEIGHTS",
    "MAX_PIXELS",
    "Container",
    "Header",
    "LicError",
    "decode",
    "encode",
    "read_container",
    "read_header",
]


def encode(
    pixels: NDArray[np.uint8],
    quality: float = DEFAULT_QUALITY,
    weights: str | Weights = DEFAULT_WEIGHTS,
    effort: int = 0,
    report: Report = ignore,
    device: str = "cpu",
    target: Target | None = None,
    max_error: int | None = None,
) -> bytes:
    """Compress a picture.

    Parameters
    ----------
    pixels
        (height, width, 3), RGB, uint8.
    quality
        0 (smallest file) to 100 (best picture); steps of 0.01 count.
    weights
        An installed weights' id, or weights loaded by `lic.codec.weights.load_weights`.
    effort
        0 to 9: how long the encoder searches for fewer bits, or a better picture, by annealing
        (`lic.codec.annealing`); the README has times. All but 0 need torch.
    report
        Called with how much of an encode is done, and of how much: tiles, or steps of annealing.
    device
        What runs the network, as in `lic.codec.executors.open_executor`; the file is the same.
    target
        A size, a rate or a PSNR, for which the quality is searched instead.
    max_error
        Code without the network, so that no sample is off by more, 0 (without loss) to 255;
        the quality says nothing then.

    Raises
    ------
    LicError
        Its subclasses name the cause: unknown weights, unsupported picture, a target that cannot be
        reached.
    """
    from lic.codec.coding import encode_picture
    from lic.codec.targets import encode_to_target
    from lic.codec.weights import resolve

    loaded = resolve(weights, device)

    def encode_at(quality: float, effort: int) -> bytes:
        return encode_picture(
            pixels, quality, loaded, effort=effort, report=report, max_error=max_error
        )

    if target is None:
        return encode_at(quality, effort)
    return encode_to_target(encode_at, lambda data: decode(data, loaded), pixels, target, effort)


def decode(
    data: bytes,
    weights: str | Weights | None = None,
    max_pixels: int = MAX_PIXELS,
    device: str = "cpu",
    report: Report = ignore,
) -> NDArray[np.uint8]:
    """Decompress a file's bytes to pixels (height, width, 3), RGB, uint8.

    Parameters
    ----------
    data
        The whole file.
    weights
        To use in place of the installed ones of the id that the file names; they must be the
        same weights.
    max_pixels
        Refuse larger pictures before any memory is taken for them.
    device
        What runs the network, as in `lic.codec.executors.open_executor`; the pixels are the same.
    report
        Called with how much is done, and of how much.

    Raises
    ------
    LicError
        Its subclasses name the cause: truncated, corrupt, made for a newer program, too large,
        weights that are not installed.
    """
    from lic.codec.coding import decode_picture
    from lic.codec.weights import resolve

    container = read_container(data, max_pixels)
    return decode_picture(container, resolve(weights or container.weights.id, device), report)
