"""PNG files, written on all cores: bands of rows are filtered and compressed side by side.

Pillow writes PNG on one core, while the others wait.
"""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Samples = NDArray[np.uint8]

# Samples in a band. What is computed of it fits in a core's cache.
BAND = 2**18
_PAETH = 4
_ADLER = 65521
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def png_bytes(samples: Samples, **options: Any) -> bytes:
    """A PNG file of 8-bit samples (h, w), or (h, w, 2 to 4 channels): gray or RGB, and alpha.

    ``options`` are those of Pillow's writer that say what else is in the file. All else but the
    size and the samples is of the file that Pillow makes of the first pixel.
    """
    pixel = io.BytesIO()
    Image.fromarray(samples[:1, :1]).save(pixel, "PNG", **options)
    height, width = samples.shape[:2]
    file = bytearray(_SIGNATURE)
    for kind, data in _chunks(pixel.getvalue()):
        if kind == b"IHDR":
            data = struct.pack(">II", width, height) + data[8:]
        elif kind == b"IDAT":
            data = _compressed(samples.reshape(height, -1), samples.size // (height * width))
        check = zlib.crc32(data, zlib.crc32(kind))
        file += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)
    return bytes(file)


def _chunks(file: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The kind and the data of a PNG file's chunks."""
    place = len(_SIGNATURE)
    while place < len(file):
        length, kind = struct.unpack_from(">I4s", file, place)
        yield kind, file[place + 8 : place + 8 + length]
        place += length + 12


def _compressed(rows: Samples, channels: int) -> bytes:
    """The zlib stream of all rows (h, w * channels)."""
    count = max(BAND // rows.shape[1], 1)

    def band(top: int) -> tuple[bytes, int, int]:
        """A band's part of the stream, Adler-32 of what is compressed, and its length."""
        above = rows[top - 1] if top else np.zeros_like(rows[0])
        data = _filtered(rows[top : top + count], above, channels).tobytes()
        # Runs alone suit photographs, in which longer matches are rare.
        deflate = zlib.compressobj(1, wbits=-zlib.MAX_WBITS, memLevel=9, strategy=zlib.Z_RLE)
        part = deflate.compress(data)
        part += deflate.flush(zlib.Z_SYNC_FLUSH if top + count < len(rows) else zlib.Z_FINISH)
        return part, zlib.adler32(data), len(data)

    stream = [b"\x78\x01"]
    low, high = 1, 0  # the halves of Adler-32 of all bands so far
    threads = int(os.environ.get("LIC_THREADS") or os.cpu_count() or 1)
    with ThreadPoolExecutor(threads) as pool:
        for part, check, length in pool.map(band, range(0, len(rows), count)):
            stream.append(part)
            high = (high + (check >> 16) + length * (low - 1)) % _ADLER
            low = (low + (check & 0xFFFF) - 1) % _ADLER
    stream.append(struct.pack(">I", high << 16 | low))
    return b"".join(stream)


def _filtered(rows: Samples, above: Samples, channels: int) -> Samples:
    """Rows (h, n), and the one above them, to differences from Paeth's prediction (h, 1 + n).

    The prediction is that one of the samples left, up, and left of up that is nearest to
    left + up - corner, the first of them if several are.
    """
    up = np.concatenate((above[None], rows[:-1]))
    left, corner = np.zeros_like(rows), np.zeros_like(rows)
    left[:, channels:], corner[:, channels:] = rows[:, :-channels], up[:, :-channels]
    # How far left and up are from it, and the corner, if it lies between them: else it is farthest.
    to_left = np.maximum(up, corner) - np.minimum(up, corner)
    to_up = np.maximum(left, corner) - np.minimum(left, corner)
    near, far = np.minimum(to_left, to_up), np.maximum(to_left, to_up)
    is_corner = ((left > corner) != (up > corner)) & (far - near < near)
    predicted = np.where(is_corner, corner, np.where(to_left <= to_up, left, up))
    filtered = np.empty((len(rows), 1 + rows.shape[1]), np.uint8)
    filtered[:, 0] = _PAETH
    np.subtract(rows, predicted, out=filtered[:, 1:])
    return filtered
