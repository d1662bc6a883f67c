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

import importlib
import importlib.util
import io
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError, features

from lic.codec.errors import PictureError
from lic.codec.pixels import Pixels

# The formats that are read, in this order: the first five need no other plugins. No more of them,
# since some of Pillow's readers start other programs, or have seen little hostile input.
_READ = {
    "PNG": (".png",),
    "JPEG": (".jpg", ".jpeg"),
    "PPM": (".ppm", ".pgm", ".pbm"),
    "BMP": (".bmp",),
    "GIF": (".gif",),
    "WEBP": (".webp",),
    "TIFF": (".tif", ".tiff"),
    "JPEG2000": (".jp2",),
}
if importlib.util.find_spec("PIL.AvifImagePlugin") is not None:
    _READ["AVIF"] = (".avif",)
_HEIF = importlib.util.find_spec("pillow_heif") is not None
if _HEIF:
    _READ["HEIF"] = (".heic", ".heif")
SUFFIXES = tuple(suffix for suffixes in _READ.values() for suffix in suffixes)
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


def _open(source: Path | BinaryIO) -> Image.Image:
    if _HEIF:
        importlib.import_module("pillow_heif").register_heif_opener()
    return Image.open(source, formats=tuple(_READ))


def list_pictures(folders: Sequence[Path]) -> list[Path]:
    """All picture files below the folders, sorted."""
    return sorted(
        path
        for folder in folders
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and path.is_file()
    )


def read_picture(path: Path | BinaryIO) -> Pixels:
    """The pixels (height, width, 3) of a picture file, RGB, uint8.

    A file in memory is called by its `str` in messages.

    Raises
    ------
    PictureError
        If the file cannot be read or decoded, or the picture is transparent.
    """
    try:
        with _open(path) as image:
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
        with _open(path) as image:
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


# Runs alone suit photographs, in which longer matches are rare: a decoded Kodak picture takes 40 ms
# and 789 kB (level 1 with all matches: 50 and 764; level 6: 130 and 750), one of 12 megapixels
# 0.87 s and 12.7 MB (1.05 and 14.1).
_PNG = {"compress_level": 1, "compress_type": zlib.Z_RLE}
# What is written, by suffix: a format and its options. Those that lose something keep all colours.
_WRITTEN: dict[str, tuple[str, dict[str, Any]]] = {
    ".png": ("PNG", _PNG),
    ".bmp": ("BMP", {}),
    ".ppm": ("PPM", {}),
    ".tif": ("TIFF", {}),
    ".tiff": ("TIFF", {}),
    ".webp": ("WEBP", {"lossless": True}),
    ".jpg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".jpeg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".avif": ("AVIF", {"quality": 90, "subsampling": "4:4:4"}),
}
WRITTEN_SUFFIXES = tuple(_WRITTEN)


def check_picture_path(path: Path) -> str:
    """The kind of picture file that a path's suffix names; raises PictureError if none."""
    suffix = path.suffix.lower()
    if suffix not in _WRITTEN:
        names = ", ".join(_WRITTEN)
        raise PictureError(f"cannot write {path}: its suffix must be one of {names}")
    kind = _WRITTEN[suffix][0]
    if kind in ("AVIF", "WEBP") and not features.check(kind.lower()):
        raise PictureError(f"cannot write {path}: Pillow was built without {kind}")
    return kind


def picture_bytes(pixels: Pixels, path: Path) -> bytes:
    """The bytes of a picture file, of the kind that the path's suffix names.

    Raises PictureError if there is no such kind, or it has no pictures of this size.
    """
    kind, buffer = check_picture_path(path), io.BytesIO()
    try:
        Image.fromarray(pixels).save(buffer, kind, **_WRITTEN[path.suffix.lower()][1])
    except (OSError, ValueError, RuntimeError, struct.error) as error:
        raise PictureError(f"cannot write {path}: {error}") from error
    return buffer.getvalue()
