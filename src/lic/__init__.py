"""A learned image codec: pictures to small files, and back.

`encode` takes a NumPy array or a Pillow image and gives a file's bytes; `decode` gives an array.
`open` gives a Pillow image, whose pixels are decoded when they are needed.

>>> import lic
>>> from PIL import Image
>>> image = Image.linear_gradient("L").resize((120, 80))
>>> data = lic.encode(image, quality=70)
>>> lic.decode(data).shape
(80, 120)
>>> import io
>>> with lic.open(io.BytesIO(data)) as again:
...     again.mode, again.size
('L', (120, 80))

`decode_picture` gives all of it, from which `Picture.to_image` makes an image:

>>> lic.decode_picture(data, region=(20, 30, 50, 40)).to_image().size
(50, 40)

`encode_many` and `decode_many` do the same for streams of pictures, several at a time:

>>> frames = [image.point([level] * 256) for level in (10, 90, 200)]
>>> [lic.decode(data).shape for data in lic.encode_many(frames)]
[(80, 120), (80, 120), (80, 120)]

A file keeps the picture's metadata, too:

>>> rotated = Image.Exif()
>>> rotated[0x010E] = "a gradient"  # the tag ImageDescription
>>> image.save(photo := io.BytesIO(), "PNG", exif=rotated)
>>> with Image.open(photo) as image:
...     data = lic.encode(image)
>>> lic.open(io.BytesIO(data)).getexif()[0x010E]
'a gradient'

What is wrong with a picture or a file is a `LicError`, whose message is one sentence:

>>> lic.decode(b"GIF89a")
Traceback (most recent call last):
    ...
lic.codec.errors.CorruptFileError: this is not a lic file: it does not begin with lic's signature

All of it is loaded on demand: ``import lic`` alone takes no time.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lic.codec import LicError, decode, decode_picture, encode
    from lic.codec.pixels import Picture
    from lic.codec.streams import decode_many, encode_many
    from lic.pillow import open, register_lic_opener

__all__ = [
    "LicError",
    "Picture",
    "decode",
    "decode_many",
    "decode_picture",
    "encode",
    "encode_many",
    "open",
    "register_lic_opener",
]

_MODULES = {
    "Picture": "lic.codec.pixels",
    "decode_many": "lic.codec.streams",
    "encode_many": "lic.codec.streams",
    "open": "lic.pillow",
    "register_lic_opener": "lic.pillow",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'lic' has no attribute {name!r}")
    value = getattr(import_module(_MODULES.get(name, "lic.codec")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
