"""Pictures to files and back.

`encode` and `decode` are the library's front door; `decode_picture` also gives what a file keeps
besides samples. They import torch for annealing, and for weights that are networks of floats,
alone. `lic.codec.streams` has both for streams of pictures. `read_header` tells a picture's size
from a file's first bytes, and `read_container` all that a file says, without decoding it.

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
>>> bool((codec.decode(codec.encode(gray, max_error=0)) == gray).all())
True
>>> codec.decode(data[:-1])
Traceback (most recent call last):
    ...
lic.codec.errors.TruncatedFileError: the file is truncated: ...
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lic.codec.container import Container, Header, check_size, read_container, read_header
from lic.codec.errors import LicError, PictureError, RegionError
from lic.codec.progress import Report, ignore
from lic.codec.tiling import Region

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from lic.codec.pixels import Picture
    from lic.codec.targets import Target
    from lic.codec.weights import Weights

DEFAULT_WEIGHTS = "base-5"
DEFAULT_EFFORT = 1
DEFAULT_QUALITY = 50.0
MAX_PIXELS = 2**28
MAX_REDUCTION = 64

__all__ = [
    "DEFAULT_EFFORT",
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
    effort: int | None = None,
    report: Report = ignore,
    device: str = "cpu",
    target: Target | None = None,
    max_error: int | None = None,
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
        0 to 9: how long the encoder searches for fewer bits, or a better picture; the README has
        times. 1 and 2 refine latents (`lic.codec.refinement`); those above anneal them, too
        (`lic.codec.annealing`), and need torch. By default 1.
    report
        Called with how much of an encode is done, and of how much: tiles, or steps of annealing.
    device
        What runs the network, as in `lic.codec.executors.open_executor`; the file is the same, but
        for devices with "-half".
    target
        A size, a rate or a PSNR, for which the quality is searched instead.
    max_error
        Code without the network, so that no sample is off by more, 0 (without loss) to 255. The
        quality says nothing then, and a target or an effort cannot be given.

    Raises
    ------
    LicError
        Its subclasses name the cause: unknown weights, unsupported picture, a target that cannot be
        reached.
    """
    from lic.codec.alpha import pack_alpha, with_smooth_colours
    from lic.codec.coding import encode_picture
    from lic.codec.metadata import to_boxes
    from lic.codec.targets import encode_to_target
    from lic.codec.weights import resolve

    if max_error is not None and (target is not None or effort):
        raise PictureError("a largest error excludes a target and an effort")
    chosen = DEFAULT_EFFORT if effort is None else effort
    whole = _as_picture(picture)
    pixels, alpha = whole.pixels, whole.alpha
    # A largest error holds for invisible pixels, too.
    if alpha is not None and max_error is None:
        pixels = with_smooth_colours(pixels, alpha)
    packed = None if alpha is None else pack_alpha(alpha)
    boxes = to_boxes(whole.metadata, whole.original)
    loaded = resolve(weights, device)

    def encode_at(quality: float, effort: int) -> bytes:
        return encode_picture(
            pixels,
            quality,
            loaded,
            effort=effort,
            report=report,
            alpha=packed,
            ancillary=boxes,
            max_error=max_error,
        )

    if target is None:
        return encode_at(quality, chosen)

    def shown(data: bytes) -> NDArray[np.uint8]:
        return decode_picture(data, loaded).pixels

    return encode_to_target(encode_at, shown, pixels, target, chosen)


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
    report: Report = ignore,
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
    report
        Called with how much is done, and of how much.

    Raises
    ------
    LicError
        Its subclasses name the cause: truncated, corrupt, made for a newer program, too large,
        weights that are not installed, a region that is not in the picture.
    """
    return decode_picture(data, weights, max_pixels, device, region, reduce, report).array()


def decode_picture(
    data: bytes,
    weights: str | Weights | None = None,
    max_pixels: int = MAX_PIXELS,
    device: str = "cpu",
    region: tuple[int, int, int, int] | None = None,
    reduce: int = 1,
    report: Report = ignore,
    truncated: bool = False,
) -> Picture:
    """As `decode`, with all that the file keeps of the picture.

    If ``truncated``, a file that was cut off is no error as long as all is there that comes before
    the streams, those of the residual layer and the network's: tiles that are missing are gray.
    """
    from lic.codec.alpha import unpack_alpha
    from lic.codec.coding import decode_pixels
    from lic.codec.metadata import metadata_of, original_of
    from lic.codec.outline import completed
    from lic.codec.pixels import Picture, mean_gray
    from lic.codec.weights import resolve

    whole = data
    if truncated:
        check_size(read_header(data), max_pixels)
        whole = completed(data)
    container = read_container(whole, max_pixels)
    header, boxes = container.header, container.ancillary
    part = _part(header, region)
    if not 1 <= reduce <= MAX_REDUCTION:
        raise RegionError(f"a picture can be reduced by 1 to {MAX_REDUCTION}, not by {reduce}")
    metadata, original = metadata_of(boxes), original_of(boxes)
    alpha = None
    if container.alpha is not None:
        alpha = unpack_alpha(container.alpha, header.height, header.width)[part.slices]
    pixels = decode_pixels(
        container,
        lambda: resolve(weights or container.weights.id, device),
        part,
        report,
        skip_damaged=whole is not data,
    )
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
