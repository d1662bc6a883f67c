"""Streams of pictures to files and back, several at a time, in one process.

Each picture is coded by a thread of its own, in the way of `lic.codec.encode` and `decode`: results
are the same, to the byte. C++ and devices work without Python's lock, so that networks run for
some pictures while others are coded on the processor's cores. On a device of torch's or ONNX
Runtime's, networks run for all pictures of one size that wait for them, as one batch
(`lic.codec.executors.batching`).

>>> import numpy as np
>>> from lic.codec.streams import decode_many, encode_many
>>> frames = (np.full((70, 90, 3), level, dtype=np.uint8) for level in range(0, 250, 50))
>>> files = encode_many(frames, quality=30)
>>> [picture.shape for picture in decode_many(files)]
[(70, 90, 3), (70, 90, 3), (70, 90, 3), (70, 90, 3), (70, 90, 3)]
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from lic.codec import DEFAULT_QUALITY, DEFAULT_WEIGHTS, MAX_PIXELS, decode, encode
from lic.codec.weights import resolve

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from lic.codec.pixels import Picture
    from lic.codec.targets import Target
    from lic.codec.weights import Weights

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
# While one waits for Python's lock or for memory, the other has the core.
_FOR_A_CORE = 2
ON_A_DEVICE = 16
"""Pictures under way: enough for batches on a device while as many again are coded."""


def encode_many(
    pictures: Iterable[NDArray[np.uint8] | Image | Picture],
    quality: float = DEFAULT_QUALITY,
    weights: str | Weights = DEFAULT_WEIGHTS,
    effort: int | None = None,
    device: str = "cpu",
    target: Target | None = None,
    max_error: int | None = None,
    at_once: int | None = None,
) -> Iterator[bytes]:
    """Compress pictures: the files of `encode`, in the order of the pictures.

    Pictures are taken as files are asked for, ``at_once`` ahead of them.

    Parameters
    ----------
    pictures
        Of any sizes, each as `encode` takes it. On a device, neighbours of one size are fastest.
    quality, weights, effort, device, target, max_error
        As for `encode`, the same for all pictures.
    at_once
        How many pictures are in memory and under way, 1 or more; by default two for each core (or
        as LIC_THREADS has it), but 16 on other devices than the CPU.

    Raises
    ------
    LicError
        In place of a picture's file, what `encode` raises for it; the stream ends there. What
        ``pictures`` raises comes after the files of the pictures before it.
    """
    loaded = resolve(weights, device)

    def one(picture: NDArray[np.uint8] | Image | Picture) -> bytes:
        return encode(picture, quality, loaded, effort=effort, target=target, max_error=max_error)

    yield from _in_order(one, pictures, _default(device) if at_once is None else at_once)


def decode_many(
    files: Iterable[bytes],
    weights: str | Weights | None = None,
    max_pixels: int = MAX_PIXELS,
    device: str = "cpu",
    region: tuple[int, int, int, int] | None = None,
    reduce: int = 1,
    at_once: int | None = None,
) -> Iterator[NDArray[np.uint8]]:
    """Decompress files: the arrays of `decode`, in the order of the files.

    Parameters
    ----------
    files
        Each the bytes of a whole file; of any sizes and qualities. On a device, neighbours of one
        size and quality are fastest.
    weights, max_pixels, device, region, reduce
        As for `decode`, the same for all files.
    at_once
        As for `encode_many`.

    Raises
    ------
    LicError
        In place of a file's picture, what `decode` raises for it; the stream ends there. What
        ``files`` raises comes after the pictures of the files before it.
    """

    def one(data: bytes) -> NDArray[np.uint8]:
        return decode(data, weights, max_pixels, device, region, reduce)

    yield from _in_order(one, files, _default(device) if at_once is None else at_once)


def _default(device: str) -> int:
    if device != "cpu":
        return ON_A_DEVICE
    return _FOR_A_CORE * int(os.environ.get("LIC_THREADS") or os.cpu_count() or 1)


def _in_order(
    function: Callable[[_Item], _Result], items: Iterable[_Item], at_once: int
) -> Iterator[_Result]:
    """The function's results for items, in their order, from so many threads.

    An item is taken when fewer than ``at_once`` others are under way or have results that wait.
    """
    source = iter(items)
    under_way: deque[Future[_Result]] = deque()
    more = True
    with ThreadPoolExecutor(at_once, thread_name_prefix="lic") as pool:
        try:
            while True:
                while more and len(under_way) < at_once:
                    try:
                        under_way.append(pool.submit(function, next(source)))
                    except StopIteration:
                        more = False
                    except Exception as error:
                        under_way.append(Future())
                        under_way[-1].set_exception(error)
                        more = False
                if not under_way:
                    return
                yield under_way.popleft().result()
        finally:
            for future in under_way:
                future.cancel()
