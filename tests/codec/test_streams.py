"""Streams of pictures against one picture after the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from lic.codec import decode, encode
from lic.codec.errors import LicError, PictureError, TruncatedFileError
from lic.codec.streams import decode_many, encode_many
from lic.codec.weights import Weights, load_weights

TINY = Path(__file__).parents[1] / "data" / "tiny.safetensors"
Pixels = NDArray[np.uint8]
DEVICES = [
    "cpu",
    pytest.param("torch", marks=pytest.mark.torch),
    pytest.param("onnx", marks=pytest.mark.onnx),
]


@pytest.fixture(scope="module", params=DEVICES)
def weights(request: pytest.FixtureRequest) -> Weights:
    return load_weights(TINY, "tiny", request.param)


@pytest.fixture(scope="module")
def pictures(budgie: Pixels) -> list[Pixels]:
    """Most of one size, some with alpha or gray, and two of other sizes."""
    frames = [budgie[10 * n : 10 * n + 90, 50:180] for n in range(8)]
    frames[3] = np.dstack((frames[3], frames[3][..., 1]))
    frames[5] = frames[5][..., 0]
    return [*frames, budgie[:1, :1], budgie[:200, :70]]


def test_files_and_pixels_are_those_of_one_after_the_other(
    weights: Weights, pictures: list[Pixels]
) -> None:
    files = list(encode_many(pictures, 40, weights, at_once=4))
    assert files == [encode(picture, 40, weights) for picture in pictures]
    shown = list(decode_many(files, weights, at_once=4))
    for pixels, data in zip(shown, files, strict=True):
        assert (pixels == decode(data, weights)).all()


def test_files_of_all_qualities_decode_in_one_stream(
    weights: Weights, pictures: list[Pixels]
) -> None:
    files = [encode(pictures[0], quality, weights) for quality in (0, 97, 50, 50)]
    files.append(encode(pictures[1], max_error=0, weights=weights))
    parts = decode_many(files, weights, region=(5, 6, 70, 80), reduce=2, at_once=3)
    for pixels, data in zip(parts, files, strict=True):
        assert (pixels == decode(data, weights, region=(5, 6, 70, 80), reduce=2)).all()


def test_options_are_those_of_encode(pictures: list[Pixels]) -> None:
    (data,) = encode_many(pictures[:1], max_error=0)
    assert (decode(data) == pictures[0]).all()
    images = [Image.fromarray(picture) for picture in pictures[:2]]
    assert list(encode_many(images)) == [encode(image) for image in images]


def test_pictures_are_taken_as_files_are_asked_for(pictures: list[Pixels]) -> None:
    taken = 0

    def endless() -> Iterator[Pixels]:
        nonlocal taken
        while True:
            taken += 1
            yield pictures[8]

    files = encode_many(endless(), at_once=3)
    assert taken == 0
    for count in range(5):
        next(files)
        assert taken == count + 3
    files.close()
    assert taken == 7


def test_a_picture_that_fails_is_an_error_in_its_place(pictures: list[Pixels]) -> None:
    files = encode_many([*pictures[:3], np.zeros((0, 5, 3), np.uint8), pictures[4]], at_once=5)
    assert [next(files) for _ in range(3)] == [encode(picture) for picture in pictures[:3]]
    with pytest.raises(PictureError):
        next(files)
    with pytest.raises(StopIteration):
        next(files)


def test_a_damaged_file_is_an_error_in_its_place(pictures: list[Pixels]) -> None:
    data = encode(pictures[0])
    shown = decode_many([data, data[:-1], data], at_once=2)
    assert (next(shown) == decode(data)).all()
    with pytest.raises(TruncatedFileError):
        next(shown)


def test_an_error_of_the_source_comes_after_the_files_before_it(pictures: list[Pixels]) -> None:
    def failing() -> Iterator[Pixels]:
        yield from pictures[:2]
        raise OSError("the camera is gone")

    files = encode_many(failing(), at_once=8)
    assert [next(files), next(files)] == [encode(picture) for picture in pictures[:2]]
    with pytest.raises(OSError, match="camera"):
        next(files)


def test_a_stream_of_nothing_is_empty() -> None:
    assert list(encode_many([])) == []
    assert list(decode_many(iter(()))) == []


def test_weights_that_are_not_there_are_an_error_before_a_picture_is_taken() -> None:
    def source() -> Iterator[Pixels]:
        raise AssertionError("taken")
        yield

    with pytest.raises(LicError, match="nobody"):
        next(encode_many(source(), weights="nobody"))
