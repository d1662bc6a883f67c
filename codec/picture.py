"""Picture files to pictures and back; `lic.codec.images` says what is kept of them."""

from __future__ import annotations

import importlib
import importlib.util
import io
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image, UnidentifiedImageError, features

from lic.codec.errors import PictureError
from lic.codec.images import from_image, save_options
from lic.codec.pixels import Picture, Pixels
from lic.codec.png import png_bytes

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


def load_picture(path: Path | BinaryIO) -> Picture:
    """All that the codec keeps of a picture file.

    A file in memory is called by its `str` in messages.

    Raises
    ------
    PictureError
        If the file cannot be read or decoded, or is an animation.
    """
    try:
        with _open(path) as image:
            try:
                return from_image(image)
            except PictureError as error:
                raise PictureError(f"{path}: {error}") from error
    except FileNotFoundError as error:
        raise PictureError(f"there is no file {path}") from error
    except UnidentifiedImageError as error:
        raise PictureError(f"{path} is not a picture of a known kind") from error
    except _READER_ERRORS as error:
        raise PictureError(f"cannot read the picture {path}: {error}") from error


def read_picture(path: Path | BinaryIO) -> Pixels:
    """The pixels (height, width, 3) of a picture file, RGB, uint8, as `load_picture` gives them.

    Raises
    ------
    PictureError
        If the file cannot be read or decoded, or the picture is transparent.
    """
    picture = load_picture(path)
    if picture.alpha is not None:
        raise PictureError(f"{path}: the picture is transparent, and pixels alone cannot say so")
    return picture.pixels


def picture_header(path: Path) -> tuple[int, int, str]:
    """Width, height and Pillow's mode of a picture file, by its header; raises PictureError."""
    try:
        with _open(path) as image:
            return image.width, image.height, image.mode
    except _READER_ERRORS as error:
        raise PictureError(f"cannot read the picture {path}: {error}") from error


# What is written, by suffix: a format and its options. Those that lose something keep all colours.
_WRITTEN: dict[str, tuple[str, dict[str, Any]]] = {
    ".png": ("PNG", {}),
    ".bmp": ("BMP", {}),
    ".ppm": ("PPM", {}),
    ".tif": ("TIFF", {}),
    ".tiff": ("TIFF", {}),
    ".webp": ("WEBP", {"lossless": True, "exact": True}),
    ".jpg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".jpeg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".avif": ("AVIF", {"quality": 90, "subsampling": "4:4:4"}),
}
_OPAQUE_KINDS = ("BMP", "JPEG", "PPM")
# What Pillow raises for what does not fit, pictures or metadata.
_WRITER_ERRORS = (OSError, ValueError, SyntaxError, LookupError, RuntimeError, struct.error)


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


def picture_bytes(picture: Pixels | Picture, path: Path) -> bytes:
    """The bytes of a picture file, of the kind that the path's suffix names.

    Metadata is in it as far as that kind has room for it.

    Raises
    ------
    PictureError
        If that kind of file cannot hold the picture.
    """
    if not isinstance(picture, Picture):
        picture = Picture(picture)
    kind = check_picture_path(path)
    if picture.alpha is not None and kind in _OPAQUE_KINDS:
        raise PictureError(
            f"cannot write {path}: {kind} has no transparency, which the picture has"
        )
    samples, buffer = picture.array(), io.BytesIO()
    try:
        options = save_options(picture.metadata, kind)
        if kind == "PNG":
            return png_bytes(samples, **options)
        Image.fromarray(samples).save(buffer, kind, **_WRITTEN[path.suffix.lower()][1], **options)
    except _WRITER_ERRORS as error:
        raise PictureError(f"cannot write {path}: {error}") from error
    return buffer.getvalue()
