"""Decompression of zlib streams from files that nobody vouches for."""

from __future__ import annotations

import zlib

from lic.codec.errors import CorruptFileError


def inflated(data: bytes, limit: int) -> bytes:
    """The contents of a zlib stream; takes no more memory than ``limit`` bytes need.

    Raises
    ------
    CorruptFileError
        If the data is no single, whole zlib stream, or its contents are longer than ``limit``.
    """
    stream = zlib.decompressobj()
    try:
        # One byte more than allowed shows that there is more.
        content = stream.decompress(data, limit + 1)
    except zlib.error as error:
        raise CorruptFileError("the file is corrupt: a part does not decompress") from error
    if len(content) > limit or not stream.eof or stream.unused_data:
        raise CorruptFileError("the file is corrupt: a compressed part has not its right length")
    return content
