"""The plugin for Pillow: `Image.open` and `Image.save` know lic's files after it is imported.

>>> import io
>>> from PIL import Image
>>> import lic.pillow
>>> file = io.BytesIO()
>>> Image.linear_gradient("L").save(file, "LIC", quality=70)
>>> with Image.open(file) as image:
...     image.format, image.mode, image.size
('LIC', 'L', (256, 256))

Options of `save`: ``quality`` (0 to 100), ``effort``, ``max_error``, ``weights`` and ``device`` as
in `lic.codec.encode`, ``lossless=True`` for a largest error of 0, one of ``target_size`` (bytes),
``target_bpp`` and ``target_psnr`` (dB), for which the quality is searched as `lic.codec.targets`
says, and ``exif``, ``icc_profile`` and ``xmp``, which are those of the image unless they are given;
None leaves them out. The orientation in EXIF is applied to the pixels.

`Image.open` reads the header and the metadata; pixels are decoded on demand. If
`ImageFile.LOAD_TRUNCATED_IMAGES` is true, of a file that was cut off the tiles are decoded that are
there; the others are gray.
"""

from __future__ import annotations

import io
from typing import IO, TYPE_CHECKING, Any

from PIL import Image, ImageFile

from lic.codec import DEFAULT_QUALITY, DEFAULT_WEIGHTS, decode_picture, encode
from lic.codec.container import MAGIC
from lic.codec.errors import LicError
from lic.codec.images import to_info
from lic.codec.metadata import GRAY, LIMIT, metadata_of, original_of
from lic.codec.outline import read_outline
from lic.codec.targets import Target

if TYPE_CHECKING:
    from os import PathLike

_METADATA = ("exif", "icc_profile", "xmp")
_TARGETS = ("size", "bpp", "psnr")


class LicImageFile(ImageFile.ImageFile):
    """An open file of lic's."""

    format = "LIC"
    format_description = "Learned image codec"

    def _open(self) -> None:
        assert self.fp is not None
        try:
            outline = read_outline(self.fp, LIMIT, ImageFile.LOAD_TRUNCATED_IMAGES)
            original, metadata = original_of(outline.ancillary), metadata_of(outline.ancillary)
        except LicError as error:
            # What `Image.open` expects of a plugin whose format a file is not of.
            raise SyntaxError(str(error)) from error
        self._size = (outline.header.width, outline.header.height)
        self._mode = ("L" if original.channels == GRAY else "RGB") + "A" * outline.transparent
        self.info.update(to_info(metadata))
        self.tile = [ImageFile._Tile("raw", (0, 0, *self.size), 0, self.mode)]

    def load(self) -> Any:
        """Decode the pixels; raises OSError if the file is damaged."""
        if self.tile and self._im is None:
            assert self.fp is not None
            self.fp.seek(0)
            try:
                picture = decode_picture(self.fp.read(), truncated=ImageFile.LOAD_TRUNCATED_IMAGES)
            except LicError as error:
                raise OSError(str(error)) from error
            if self._exclusive_fp:
                self.fp.close()
            self.fp = io.BytesIO(picture.array().tobytes())
        return super().load()


def _save(image: Image.Image, file: IO[bytes], filename: str | bytes) -> None:
    options = image.encoderinfo
    shown = image.copy()
    for name in _METADATA:
        value = options.get(name, image.info.get(name))
        shown.info.pop(name, None)
        if value:
            shown.info[name] = value.tobytes() if isinstance(value, Image.Exif) else value
    targets = {name: options.get(f"target_{name}") for name in _TARGETS}
    try:
        data = encode(
            shown,
            quality=options.get("quality", DEFAULT_QUALITY),
            weights=options.get("weights", DEFAULT_WEIGHTS),
            effort=options.get("effort"),
            device=options.get("device", "cpu"),
            target=Target(**targets) if any(v is not None for v in targets.values()) else None,
            max_error=0 if options.get("lossless") else options.get("max_error"),
        )
    except LicError as error:
        raise OSError(f"cannot write the image as LIC: {error}") from error
    file.write(data)


def _accept(prefix: bytes) -> bool:
    return prefix.startswith(MAGIC)


def register_lic_opener() -> None:
    """Tell Pillow of the format LIC; importing this module has done so."""
    Image.register_open(LicImageFile.format, LicImageFile, _accept)
    Image.register_save(LicImageFile.format, _save)
    Image.register_extension(LicImageFile.format, ".lic")
    Image.register_mime(LicImageFile.format, "image/x-lic")


def open(file: str | PathLike[str] | IO[bytes]) -> Image.Image:
    """Open a file of lic's as a Pillow image; `Image.open`, for this format alone.

    Raises
    ------
    OSError
        If the file cannot be read.
    PIL.UnidentifiedImageError
        If it is not a file of lic's, or one for a newer program.
    """
    return Image.open(file, formats=[LicImageFile.format])


register_lic_opener()
