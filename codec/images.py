"""Pillow's images to pictures that the codec knows, and back.

The codec knows RGB and gray of 8 bits, with or without alpha. What other images become:

- palettes are looked up, and one bit becomes eight, without loss;
- samples of 12 and 16 bits are rounded to 8. Only of gray with alpha, Pillow keeps the upper bits;
- CMYK and Lab are converted to sRGB, CMYK by its ICC profile, if there is one;
- an alpha channel that is opaque everywhere is dropped;
- the EXIF orientation is applied to the pixels, and said to be upright in EXIF and XMP.

All other metadata stays as it is. An ICC profile stays, so colours need no conversion.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Collection
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from lic.codec.errors import PictureError
from lic.codec.metadata import CMYK, GRAY, RGB, Metadata, Original, upright_exif, upright_xmp
from lic.codec.pixels import Picture, mean_gray

_EXIF_PREFIX = b"Exif\0\0"
_XMP_TAG = 700
# The EXIF of a TIFF file is its own directory. These tags of it tell how pixels are stored, or are
# metadata of another kind.
_TIFF_STRUCTURE = (
    *(254, 255, 256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 292, 293, 297, 317, 320),
    *(322, 323, 324, 325, 330, 332, 333, 336, 338, 339, 340, 341, 347, 512, 513, 514, 515, 517),
    *(518, 519, 520, 521, 529, 530, 531, 532, _XMP_TAG, 33723, 34377, 34675),
)


def from_image(image: Image.Image) -> Picture:
    """Everything that a file can keep of an image.

    Raises
    ------
    PictureError
        If the image has several frames, or its samples are of a kind that cannot be coded.
    """
    # A camera's JPEG with further views (MPO) is a picture, not an animation.
    if getattr(image, "is_animated", False) and image.format != "MPO":
        raise PictureError("this is an animation, or has several pages: lic codes one picture")
    raw_mode = _raw_mode(image)
    twin = _low_bytes(image, raw_mode)
    image.load()
    metadata = _metadata(image)
    if twin is not None:
        image = _rounded(image, twin)
    image = ImageOps.exif_transpose(image)
    if image.mode == "I" or image.mode.startswith("I;16"):
        bits = 12 if raw_mode.startswith("I;12") else 16
        return replace(_deep_gray(image, bits), metadata=metadata)
    original = Original(
        channels=GRAY if image.mode in ("1", "L", "LA", "La") or raw_mode[:2] == "LA" else RGB,
        bits=16 if ";16" in raw_mode else 8,
    )
    if image.mode in ("CMYK", "LAB"):
        original = replace(original, channels=CMYK if image.mode == "CMYK" else RGB)
        image, metadata = _to_srgb(image, metadata.icc), replace(metadata, icc=b"")
    elif image.mode == "F":
        raise PictureError("a picture of floating-point samples cannot be coded")
    mode = "L" if original.channels == GRAY else "RGB"
    if image.has_transparency_data:
        mode += "A"
    picture = Picture.from_array(np.array(image.convert(mode)))
    return replace(picture, metadata=metadata, original=original)


def to_image(picture: Picture) -> Image.Image:
    """An image of the mode L, LA, RGB or RGBA, with its metadata in ``info``."""
    image = Image.fromarray(picture.array())
    image.info.update(to_info(picture.metadata))
    return image


def to_info(metadata: Metadata) -> dict[str, Any]:
    """Metadata by the names that Pillow has for it, both in ``info`` and as options of `save`."""
    found = {"icc_profile": metadata.icc, "exif": metadata.exif, "xmp": metadata.xmp}
    if metadata.exif:
        found["exif"] = _EXIF_PREFIX + metadata.exif
    return {name: content for name, content in found.items() if content}


def save_options(metadata: Metadata, kind: str) -> dict[str, Any]:
    """The options of `Image.save` that keep metadata in a file of a kind of Pillow's."""
    options = to_info(metadata)
    if kind == "PNG" and "xmp" in options:
        from PIL.PngImagePlugin import PngInfo

        options["pnginfo"] = PngInfo()
        options["pnginfo"].add(b"iTXt", b"XML:com.adobe.xmp" + bytes(5) + options.pop("xmp"))
    elif kind == "TIFF" and ("xmp" in options or "exif" in options):
        exif = Image.Exif()
        exif.load(options.get("exif", b""))
        if "xmp" in options:
            exif[_XMP_TAG] = options.pop("xmp")
        options["exif"] = exif
    return options


def stripped(picture: Picture, kinds: Collection[str]) -> Picture:
    """The picture without kinds of metadata (fields of `Metadata`).

    Without their ICC profile colours would change: they are converted to sRGB.
    """
    if "icc" in kinds and picture.metadata.icc:
        image = Image.fromarray(picture.pixels[:, :, 0] if picture.gray else picture.pixels)
        pixels = np.array(_to_srgb(image, picture.metadata.icc))
        picture = replace(picture, pixels=mean_gray(pixels) if picture.gray else pixels)
    return replace(picture, metadata=replace(picture.metadata, **dict.fromkeys(kinds, b"")))


def reduced(picture: Picture, factor: int) -> Picture:
    """The picture scaled down by averages of ``factor`` x ``factor`` pixels, weighted by alpha."""
    image = Image.fromarray(picture.array()).reduce(factor)
    small = Picture.from_array(np.array(image))
    return replace(small, metadata=picture.metadata, original=picture.original)


def _raw_mode(image: Image.Image) -> str:
    """How an image file that is not loaded yet stores its samples, by Pillow's name for it."""
    tiles = getattr(image, "tile", None)
    if not tiles:
        return ""
    arguments = tiles[0].args
    return str(arguments[0] if isinstance(arguments, tuple) else arguments)


def _low_bytes(image: Image.Image, raw_mode: str) -> NDArray[np.uint8] | None:
    """The lower bytes of samples of 16 bits, of which Pillow loads the upper ones alone.

    Samples of the other byte order have them in front. None if there are no such samples.
    """
    orders = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}
    mode, _, order = raw_mode.partition(";16")
    if mode != image.mode or mode not in ("RGB", "RGBA") or order not in orders:
        return None
    file = image.fp  # type: ignore[attr-defined]
    place = file.tell()
    file.seek(0)
    with Image.open(io.BytesIO(file.read()), formats=[str(image.format)]) as twin:
        file.seek(place)
        other = f"{mode};16{orders[order]}"
        twin.tile = [
            tile._replace(args=(other, *tile.args[1:]) if isinstance(tile.args, tuple) else other)
            for tile in twin.tile
        ]
        twin.load()  # `asarray` alone would hide its errors.
        return np.asarray(twin)


def _rounded(image: Image.Image, low: NDArray[np.uint8]) -> Image.Image:
    """An image of the upper bytes of samples of 16 bits, rounded by their lower bytes."""
    samples = (np.asarray(image).astype(np.uint32) << 8) + low
    rounded = Image.fromarray(((samples * 255 + 32767) // 65535).astype(np.uint8))
    rounded.info = image.info
    return rounded


def _deep_gray(image: Image.Image, bits: int) -> Picture:
    """Gray samples of more than 8 bits, rounded to 8."""
    samples = np.asarray(image).astype(np.int64)
    largest = 2**bits - 1
    if samples.size and (samples.min() < 0 or samples.max() > largest):
        raise PictureError("a picture of 32-bit integers cannot be coded")
    gray = ((samples * 255 + largest // 2) // largest).astype(np.uint8)
    if "transparency" in image.info:
        alpha = np.where(samples == image.info["transparency"], 0, 255).astype(np.uint8)
        gray = np.stack([gray, alpha], axis=2)
    return replace(Picture.from_array(gray), original=Original(GRAY, bits))


def _to_srgb(image: Image.Image, icc: bytes) -> Image.Image:
    """An image whose colours are those of a profile, as one of sRGB.

    Pillow's own conversion takes the place of a profile that is missing or damaged.
    """
    from PIL import ImageCms

    try:
        if image.mode == "LAB":
            source = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
        elif icc:
            source = ImageCms.ImageCmsProfile(io.BytesIO(icc))
            if image.mode == "L" and source.profile.xcolor_space == "RGB ":
                image = image.convert("RGB")
        else:
            return image.convert("RGB")
        converted = ImageCms.profileToProfile(
            image,
            source,
            ImageCms.createProfile("sRGB"),
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            "RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError):
        return image.convert("RGB")
    assert converted is not None  # It is None if it is made in place only.
    return converted


def _metadata(image: Image.Image) -> Metadata:
    """What an image that is loaded says about itself, upright."""
    info = image.info
    exif = _tiff_exif(image) if image.format == "TIFF" else info.get("exif", b"")
    xmp = info.get("xmp") or info.get("XML:com.adobe.xmp") or b""
    xmp = xmp.encode("utf-8") if isinstance(xmp, str) else xmp
    return Metadata(
        icc=info.get("icc_profile") or b"",
        exif=upright_exif(exif.removeprefix(_EXIF_PREFIX)),
        xmp=upright_xmp(xmp),
    )


def _tiff_exif(image: Image.Image) -> bytes:
    exif = image.getexif()
    for tag in _TIFF_STRUCTURE:
        exif.pop(tag, None)
    return exif.tobytes() if exif else b""
