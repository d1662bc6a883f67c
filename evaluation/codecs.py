"""The codecs that an evaluation compares: lic's own weights, and the formats that Pillow writes.

Each is a small frozen value that a worker process can be given.
"""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any, Protocol

import numpy as np
import PIL
from PIL import Image, ImageFile, features

from lic.codec import DEFAULT_EFFORT
from lic.codec.errors import LicError
from lic.codec.manifest import find
from lic.codec.pixels import Pixels


class UnknownPeerError(LicError):
    """No codec of that name to compare with."""

    exit_code = 12


class Codec(Protocol):
    """Anything that turns pictures (height, width, 3; uint8, RGB) to bytes and back."""

    @property
    def name(self) -> str:
        """For tables and plots; unique within an evaluation."""

    @property
    def version(self) -> str:
        """The exact codec: the name, and a digest or version where the name is not enough."""

    @property
    def settings(self) -> tuple[float, ...]:
        """The settings of `encode`, from the smallest files to the best pictures."""

    def encode(self, pixels: Pixels, setting: float) -> bytes:
        """A whole file."""

    def decode(self, data: bytes) -> Pixels:
        """The picture of a file."""


@dataclass(frozen=True)
class LicCodec:
    """Installed weights at some qualities."""

    name: str
    settings: tuple[float, ...]

    @property
    def version(self) -> str:
        """The id and the digest of the weights, and the version and the effort of the encoder."""
        digest = find(self.name).entry.digest.hex()
        return f"{self.name} {digest} (lic {version('lic')}, effort {DEFAULT_EFFORT})"

    def encode(self, pixels: Pixels, setting: float) -> bytes:
        """A lic file of quality ``setting``, 0 to 100."""
        from lic import codec

        return codec.encode(pixels, setting, self.name)

    def decode(self, data: bytes) -> Pixels:
        """The picture of a lic file."""
        from lic import codec

        return codec.decode(data)


@dataclass(frozen=True)
class PillowCodec:
    """A format of Pillow's; ``option`` is the name of the argument that takes the setting."""

    name: str
    settings: tuple[float, ...]
    kind: str
    option: str = "quality"
    options: dict[str, Any] = field(default_factory=dict, hash=False)

    @property
    def version(self) -> str:
        """The name and Pillow's version."""
        return f"{self.name} (Pillow {PIL.__version__})"

    def encode(self, pixels: Pixels, setting: float) -> bytes:
        """A file with ``option`` at ``setting``."""
        self._load_plugin()
        value = [setting] if self.option == "quality_layers" else int(setting)
        buffer = io.BytesIO()
        # Pillow gives an optimized JPEG too small a buffer for a picture of noise.
        ImageFile.MAXBLOCK = max(ImageFile.MAXBLOCK, 2 * pixels.size)
        Image.fromarray(pixels).save(buffer, self.kind, **{self.option: value}, **self.options)
        return buffer.getvalue()

    def decode(self, data: bytes) -> Pixels:
        """The picture of a file."""
        self._load_plugin()
        with Image.open(io.BytesIO(data)) as image:
            return np.array(image.convert("RGB"))

    def _load_plugin(self) -> None:
        if self.kind == "JXL":
            import pillow_jxl  # noqa: F401  # registers itself with Pillow


_JPEG = (5.0, 10.0, 20.0, 35.0, 50.0, 65.0, 80.0, 90.0, 95.0)
_MODERN = (10.0, 25.0, 40.0, 55.0, 70.0, 80.0, 90.0, 95.0, 98.0)
_PEERS: dict[str, tuple[PillowCodec, ...]] = {
    "jpeg": (
        PillowCodec("JPEG 4:2:0", _JPEG, "JPEG", options={"optimize": True, "subsampling": 2}),
        PillowCodec("JPEG 4:4:4", _JPEG, "JPEG", options={"optimize": True, "subsampling": 0}),
    ),
    "webp": (
        PillowCodec(
            "WebP", (5.0, 20.0, 40.0, 60.0, 75.0, 85.0, 95.0), "WEBP", options={"method": 6}
        ),
    ),
    "avif": (PillowCodec("AVIF", _MODERN, "AVIF", options={"speed": 4, "subsampling": "4:4:4"}),),
    "jp2": (
        PillowCodec(
            "JPEG 2000",
            (240.0, 120.0, 60.0, 40.0, 24.0, 16.0, 10.0),
            "JPEG2000",
            option="quality_layers",
            options={"quality_mode": "rates", "irreversible": True, "mct": 1},
        ),
    ),
    "jxl": (PillowCodec("JPEG XL", _MODERN, "JXL", options={"effort": 7}),),
}
PEERS = tuple(_PEERS)


def _available(name: str) -> bool:
    if name == "jxl":
        return importlib.util.find_spec("pillow_jxl") is not None
    return bool(features.check({"jpeg": "jpg", "jp2": "jpg_2000"}.get(name, name)))


def peers(names: Sequence[str]) -> tuple[list[Codec], list[str]]:
    """The codecs of some of `PEERS`, and the names of those that are not installed.

    Raises UnknownPeerError for a name that is none of them.
    """
    for name in names:
        if name not in _PEERS:
            raise UnknownPeerError(f"no peer {name!r}; there are {', '.join(PEERS)}")
    found: list[Codec] = [c for name in names if _available(name) for c in _PEERS[name]]
    return found, [name for name in names if not _available(name)]
