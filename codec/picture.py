"""Picture files to pictures and back; `lic.codec.images` says what is kept of them."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from lic.codec.errors import PictureError
from lic.codec.images import from_image, save_options
from lic.codec.pixels import Picture, Pixels

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


def load_picture(path: Path) -> Picture:
    """All that the codec keeps of a picture file.

    Raises
    ------
    PictureError
        If the file cannot be read or decoded, or is an animation.
    """
    try:
        with Image.open(path, formats=_FORMATS) as image:
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


def read_picture(path: Path) -> Pixels:
    """The pixels (height, width, 3) of a picture file, RGB, uint8.

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
        with Image.open(path, formats=_FORMATS) as image:
            return image.width, image.height, image.mode
    except _READER_ERRORS as error:
        raise PictureError(f"cannot read the picture {path}: {error}") from error


# For PNG; other kinds ignore them. Runs alone suit photographs, in which longer matches are rare: a
# decoded Kodak picture takes 40 ms and 789 kB (level 1 with all matches: 50 and 764; level 6: 130
# and 750), one of 12 megapixels 0.87 s and 12.7 MB (1.05 and 14.1).
_PNG = {"compress_level": 1, "compress_type": zlib.Z_RLE}
_KINDS = {".png": "PNG", ".bmp": "BMP", ".ppm": "PPM", ".tif": "TIFF", ".tiff": "TIFF"}
_OPAQUE_KINDS = ("BMP", "PPM")
# What Pillow raises for metadata that does not fit.
_WRITER_ERRORS = (OSError, ValueError, SyntaxError, LookupError, struct.error)


def check_picture_path(path: Path) -> str:
    """The kind of lossless picture file that a path's suffix names; raises PictureError if none."""
    kind = _KINDS.get(path.suffix.lower())
    if kind is None:
        raise PictureError(f"cannot write {path}: its suffix must be one of {', '.join(_KINDS)}")
    return kind


def picture_bytes(picture: Pixels | Picture, path: Path) -> bytes:
    """The bytes of a lossless picture file, of the kind that the path's suffix names.

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
    buffer = io.BytesIO()
    try:
        options = save_options(picture.metadata, kind)
        Image.fromarray(picture.array()).save(buffer, kind, **_PNG, **options)
    except _WRITER_ERRORS as error:
        raise PictureError(f"cannot write {path}: {error}") from error
    return buffer.getvalue()
