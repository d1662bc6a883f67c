"""Picture files to RGB pixels, and back.

The codec knows 8-bit RGB. What other pictures become:

- grayscale and palette pictures are converted to RGB, without loss;
- an alpha channel that is opaque everywhere is dropped; a transparent picture is refused, since
  what its pixels should look like without transparency is not ours to guess;
- 16-bit gray samples are rounded to 8 bits; of 16-bit colour, Pillow keeps the upper 8 bits;
- other colour spaces (CMYK, YCbCr, Lab) are converted by Pillow;
- an animation is refused;
- the EXIF orientation is applied to the pixels. Other metadata is not kept.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from lic.codec.errors import PictureError
from lic.codec.pixels import Pixels
from lic.codec.png import png_bytes

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp")

# No others: some of Pillow's readers start other programs, or have seen little hostile input.
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
# What those readers are seen to raise for damaged files.
_READER_ERRORS = (
    OSError,
    ValueError,
    SyntaxError,
    RuntimeError,
    EOFError,
    LookupError,
    TypeError,
    ArithmeticError,
    MemoryError,
    struct.error,
    Image.DecompressionBombError,
)


def list_pictures(folders: Sequence[Path]) -> list[Path]:
    """All picture files below the folders, sorted."""
    return sorted(
        path
        for folder in folders
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and path.is_file()
    )


def read_picture(path: Path) -> Pixels:
    """The pixels (height, width, 3) of a picture file, RGB, uint8.

    Raises
    ------
    PictureError
        If the file cannot be read or decoded, or the picture is transparent.
    """
    try:
        with Image.open(path, formats=_FORMATS) as image:
            # A camera's JPEG with further views (MPO) is a picture, not an animation.
            if getattr(image, "is_animated", False) and image.format != "MPO":
                raise PictureError(f"{path} is an animation")
            try:
                return _to_rgb(ImageOps.exif_transpose(image))
            except PictureError as error:
                raise PictureError(f"{path}: {error}") from error
    except FileNotFoundError as error:
        raise PictureError(f"there is no file {path}") from error
    except UnidentifiedImageError as error:
        raise PictureError(f"{path} is not a picture of a known kind") from error
    except _READER_ERRORS as error:
        raise PictureError(f"cannot read the picture {path}: {error}") from error


def picture_header(path: Path) -> tuple[int, int, str]:
    """Width, height and Pillow's mode of a picture file, by its header; raises PictureError."""
    try:
        with Image.open(path, formats=_FORMATS) as image:
            return image.width, image.height, image.mode
    except _READER_ERRORS as error:
        raise PictureError(f"cannot read the picture {path}: {error}") from error


def _to_rgb(image: Image.Image) -> Pixels:
    if image.mode == "I" or image.mode.startswith("I;16"):
        if "transparency" in image.info:
            raise PictureError("a transparent picture of 16-bit samples cannot be coded")
        samples = np.asarray(image).astype(np.int64)
        if samples.size and (samples.min() < 0 or samples.max() > 65535):
            raise PictureError("a picture of 32-bit integers cannot be coded")
        gray = ((samples * 255 + 32767) // 65535).astype(np.uint8)
        return np.repeat(gray[:, :, None], 3, axis=2)
    if image.mode == "F":
        raise PictureError("a picture of floating-point samples cannot be coded")
    if image.has_transparency_data:
        rgba = np.asarray(image.convert("RGBA"))
        if rgba[:, :, 3].min(initial=255) < 255:
            raise PictureError(
                "the picture is transparent, which lic cannot keep: flatten it on a background"
            )
        return np.ascontiguousarray(rgba[:, :, :3])
    return np.array(image.convert("RGB"))


_KINDS = {".png": "PNG", ".bmp": "BMP", ".ppm": "PPM", ".tif": "TIFF", ".tiff": "TIFF"}


def check_picture_path(path: Path) -> str:
    """The kind of lossless picture file that a path's suffix names; raises PictureError if none."""
    kind = _KINDS.get(path.suffix.lower())
    if kind is None:
        raise PictureError(f"cannot write {path}: its suffix must be one of {', '.join(_KINDS)}")
    return kind


def picture_bytes(pixels: Pixels, path: Path) -> bytes:
    """The bytes of a lossless picture file, of the kind that the path's suffix names."""
    kind = check_picture_path(path)
    if kind == "PNG":
        return png_bytes(pixels)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()
