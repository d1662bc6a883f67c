"""Pictures to files and back.

`encode` and `decode` are the library's front door; `decode_picture` also gives what a file keeps
besides samples. They import torch for annealing, and for weights that are networks of floats,
alone. `read_header` tells a picture's size from a file's first bytes, and `read_container` all that
a file says, without decoding it.

>>> import numpy as np
>>> from lic import codec
>>> gray = np.tile(np.arange(0, 200, 2, dtype=np.uint8), (60, 1))
>>> data = codec.encode(gray, quality=80)
>>> again = codec.decode(data)
>>> again.shape, again.dtype
((60, 100), dtype('uint8'))
>>> bool(abs(again.astype(int) - gray).max() < 16)
True
>>> codec.decode(data, region=(10, 20, 30, 40)).shape
(40, 30)
>>> codec.decode(data, reduce=4).shape
(15, 25)
>>> codec.decode(data[:-1])
Traceback (most recent call last):
    ...
lic.codec.errors.TruncatedFileError: the file is truncated: ...
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lic.codec.container import Container, Header, completed, read_container, read_header
from lic.codec.errors import LicError, PictureError, RegionError
from lic.codec.progress import Report, ignore
from lic.codec.tiling import Region

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from lic.codec.pixels import Picture
    from lic.codec.weights import Weights

DEFAULT_WEIGHTS = "small-3"
DEFAULT_QUALITY = 50.0
MAX_PIXELS = 2**28
MAX_REDUCTION = 64

__all__ = [
    "DEFAULT_QUALITY",
    "DEFAULT_WEIGHTS",
    "MAX_PIXELS",
    "Container",
    "Header",
    "LicError",
    "decode",
    "decode_picture",
    "encode",
    "read_container",
    "read_header",
]


def encode(
    picture: NDArray[np.uint8] | Image | Picture,
    quality: float = DEFAULT_QUALITY,
    weights: str | Weights = DEFAULT_WEIGHTS,
    effort: int = 0,
    report: Report = ignore,
    device: str = "cpu",
) -> bytes:
    """Compress a picture.

    Parameters
    ----------
    picture
        An array of uint8: (height, width, 3), RGB; with 4 channels, the last one is alpha;
        (height, width) is gray, (height, width, 2) gray with alpha. Or an image of Pillow's,
        with its metadata, or a picture of `lic.codec.picture.load_picture`.
    quality
        0 (smallest file) to 100 (best picture); steps of 0.01 count. Alpha has no loss.
    weights
        An installed weights' id, or weights loaded by `lic.codec.weights.load_weights`.
    effort
        Iterations of annealing for each tile (`lic.codec.annealing`): fewer bits
        for the same picture, or a better one, at some seconds for ten of them; never a worse one.
    report
        Called with the numbers of iterations done and in all.
    device
        What runs the network, as in `lic.codec.executors.open_executor`; the file is the same.

    Raises
    ------
    LicError
        Its subclasses name the cause: unknown weights, unsupported picture.
    """
    from lic.codec.alpha import pack_alpha, with_smooth_colours
    from lic.codec.coding import encode_picture
    from lic.codec.metadata import to_boxes
    from lic.codec.weights import resolve

    whole = _as_picture(picture)
    pixels, alpha = whole.pixels, whole.alpha
    return encode_picture(
        pixels if alpha is None else with_smooth_colours(pixels, alpha),
        quality,
        resolve(weights, device),
        effort=effort,
        report=report,
        alpha=None if alpha is None else pack_alpha(alpha),
        ancillary=to_boxes(whole.metadata, whole.original),
    )


def _as_picture(picture: NDArray[np.uint8] | Image | Picture) -> Picture:
    import numpy as np

    from lic.codec.pixels import Picture

    if isinstance(picture, Picture):
        return picture
    if isinstance(picture, np.ndarray):
        return Picture.from_array(picture)
    from PIL.Image import Image

    from lic.codec.images import from_image

    if not isinstance(picture, Image):
        kind = type(picture).__name__
        raise PictureError(f"a picture must be an array of NumPy or an image of Pillow, not {kind}")
    return from_image(picture)


def decode(
    data: bytes,
    weights: str | Weights | None = None,
    max_pixels: int = MAX_PIXELS,
    device: str = "cpu",
    region: tuple[int, int, int, int] | None = None,
    reduce: int = 1,
) -> NDArray[np.uint8]:
    """Decompress a file's bytes to an array of uint8, of a shape that `encode` takes.

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
    region
        Decode this part only: the place of its upper left pixel (x, y), its width and height.
        The time is that of the part and of the tiles in which it lies.
    reduce
        Scale the picture down by averages of so many pixels in each direction, 1 to 64.

    Raises
    ------
    LicError
        Its subclasses name the cause: truncated, corrupt, made for a newer program, too large,
        weights that are not installed, a region that is not in the picture.
    """
    return decode_picture(data, weights, max_pixels, device, region, reduce).array()


def decode_picture(
    data: bytes,
    weights: str | Weights | None = None,
    max_pixels: int = MAX_PIXELS,
    device: str = "cpu",
    region: tuple[int, int, int, int] | None = None,
    reduce: int = 1,
    truncated: bool = False,
) -> Picture:
    """As `decode`, with all that the file keeps of the picture.

    If ``truncated``, a file that was cut off is no error as long as its header and its boxes of
    metadata and alpha are there: the tiles that are missing are gray.
    """
    from lic.codec.alpha import unpack_alpha
    from lic.codec.coding import decode_pixels
    from lic.codec.metadata import metadata_of, original_of
    from lic.codec.pixels import Picture, mean_gray
    from lic.codec.weights import resolve

    whole = completed(data) if truncated else data
    container = read_container(whole, max_pixels)
    header, boxes = container.header, container.ancillary
    part = _part(header, region)
    if not 1 <= reduce <= MAX_REDUCTION:
        raise RegionError(f"a picture can be reduced by 1 to {MAX_REDUCTION}, not by {reduce}")
    metadata, original = metadata_of(boxes), original_of(boxes)
    alpha = None
    if container.alpha is not None:
        alpha = unpack_alpha(container.alpha, header.height, header.width)[part.slices]
    loaded = resolve(weights or container.weights.id, device)
    pixels = decode_pixels(container, loaded, part, skip_damaged=whole is not data)
    picture = Picture(pixels, alpha, metadata, original)
    if picture.gray:
        picture = replace(picture, pixels=mean_gray(pixels))
    if reduce != 1:
        from lic.codec.images import reduced

        picture = reduced(picture, reduce)
    return picture


def _part(header: Header, region: tuple[int, int, int, int] | None) -> Region:
    if region is None:
        return Region(0, 0, header.height, header.width)
    x, y, width, height = region
    if not (0 <= x < x + width <= header.width and 0 <= y < y + height <= header.height):
        raise RegionError(
            f"the region {x},{y},{width},{height} (x, y, width, height) does not lie within the "
            f"picture of {header.width} x {header.height} pixels"
        )
    return Region(y, x, y + height, x + width)
