"""The decoder in C gives the pixels, or the error, that the Python package gives."""

from __future__ import annotations

import hashlib
import importlib
import subprocess
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray

from lic import codec
from lic.codec.coding import encode_picture
from lic.codec.container import WeightsReference, read_container
from lic.codec.errors import LicError, RegionError, WeightsError
from lic.codec.metadata import Metadata
from lic.codec.picture import read_picture
from lic.codec.pixels import Picture
from lic.codec.weights import Weights, load_weights, resolve

from .conftest import DATA, ROOT, SMALL, SMALL_ID, Decoded, DecodeMany, run

TINY = DATA / "tiny.safetensors"
MAX_PIXELS = 2**22
Fuzzer = Callable[[str], ModuleType]


@pytest.fixture
def fuzzer(monkeypatch: pytest.MonkeyPatch) -> Fuzzer:
    """A function that gives a module of the fuzzers, which are scripts."""
    monkeypatch.syspath_prepend(ROOT / "tests/fuzz")
    return importlib.import_module


def outcomes_agree(decoded: Sequence[Decoded], files: Sequence[bytes], weights: Weights) -> None:
    """Fails unless files decode as by the package, to the same pixels or with the same error."""
    for got, data in zip(decoded, files, strict=True):
        status, message, picture = 0, "", None
        try:
            picture = codec.decode_picture(data, weights, MAX_PIXELS)
        except LicError as error:
            status, message = error.exit_code, str(error)
        assert got.status == status, f"{got.message!r}, but {message!r}"
        if picture is None:
            continue
        wanted = picture.array()
        np.testing.assert_array_equal(got.samples(wanted.shape), wanted)
        rgba = np.asarray(picture.to_image().convert("RGBA"))
        np.testing.assert_array_equal(got.samples(rgba.shape, ".rgba"), rgba)


def test_files_of_all_kinds_decode_to_the_same_pixels(
    decode_many: DecodeMany, files: dict[str, bytes]
) -> None:
    decoded = decode_many([(SMALL, data) for data in files.values()])
    assert {name: one.message for name, one in zip(files, decoded, strict=True)} == dict.fromkeys(
        files, ""
    )
    outcomes_agree(decoded, list(files.values()), resolve(SMALL_ID))


def test_tiles_of_a_picture_fit_without_seams(
    decode_many: DecodeMany, budgie: NDArray[np.uint8]
) -> None:
    weights = resolve(SMALL_ID)
    data = [encode_picture(budgie[:200, :330], 50, weights, tile=tile) for tile in (64, 128)]
    outcomes_agree(decode_many([(SMALL, one) for one in data]), data, weights)


@pytest.fixture
def decode_parts(native: Path, tmp_path: Path) -> Callable[..., tuple[list[int], bytes]]:
    """A function that decodes parts (x, y, width, height, reduce) of a file's bytes.

    It gives a status for each, and the pixels of all that decode.
    """

    def decode(data: bytes, *parts: tuple[int, ...]) -> tuple[list[int], bytes]:
        path, out = tmp_path / "in.lic", tmp_path / "out"
        path.write_bytes(data)
        numbers = [number for part in parts for number in part]
        done = run(native / "decode_parts", SMALL, path, out, *numbers)
        return [int(line) for line in done.stdout.split()], out.read_bytes()

    return decode


DecodeParts = Callable[..., tuple[list[int], bytes]]


def parts_of(width: int, height: int, seed: int) -> list[tuple[int, ...]]:
    """The whole and random parts, reduced by powers of two and by other numbers."""
    random = np.random.default_rng(seed)
    found: list[tuple[int, ...]] = [(0, 0, width, height, factor) for factor in (1, 2, 4, 8, 3, 64)]
    for factor in (1, 1, 1, 2, 4, 5, 8, 13):
        x, y = (int(random.integers(side)) for side in (width, height))
        sides = (int(random.integers(1, 1 + end)) for end in (width - x, height - y))
        found.append((x, y, *sides, factor))
    return found


def test_parts_and_small_versions_are_the_pixels_of_the_package(
    decode_parts: DecodeParts, files: dict[str, bytes], budgie: NDArray[np.uint8]
) -> None:
    weights = resolve(SMALL_ID)
    tiled = [encode_picture(budgie[:200, :330], q, weights, tile=128) for q in (50, 97)]
    for seed, data in enumerate([*files.values(), *tiled]):
        header = read_container(data, MAX_PIXELS).header
        parts = parts_of(header.width, header.height, seed)
        statuses, pixels = decode_parts(data, *parts)
        assert statuses == [0] * len(parts)
        shown = [codec.decode(data, weights, region=part[:4], reduce=part[4]) for part in parts]
        assert pixels == b"".join(part.tobytes() for part in shown)


def test_parts_that_a_picture_does_not_have_are_told(
    decode_parts: DecodeParts, files: dict[str, bytes]
) -> None:
    whole, most = (0, 0, 170, 130), 2**32 - 1
    wrong = [(0, 0, 171, 130, 1), (170, 0, 1, 1, 1), (0, 129, 1, 2, 1), (0, 0, 0, 1, 1)]
    wrong += [(1, 1, most, 1, 1), (1, 1, 1, most, 1), (*whole, 0), (*whole, 65)]
    assert decode_parts(files["quality 50"], *wrong) == ([RegionError.exit_code] * len(wrong), b"")


def test_five_hundred_damaged_files_decode_or_give_the_same_error(
    decode_many: DecodeMany, fuzzer: Fuzzer
) -> None:
    fuzz_files, weights = fuzzer("fuzz_files"), resolve(SMALL_ID)
    random = np.random.default_rng(5)
    valid = fuzz_files.valid_files(weights)
    damaged = list(islice(fuzz_files.inputs(valid, random), 300))
    # As a bad wire makes them: checksums do not fit.
    for number in range(200):
        data = bytearray(valid[random.integers(len(valid))])
        place = int(random.integers(len(data)))
        data[place] ^= 1 << int(random.integers(8))
        damaged.append(bytes(data[:place] if number % 2 else data))
    decoded = decode_many([(SMALL, data) for data in damaged])
    outcomes_agree(decoded, damaged, weights)
    assert {0, 4, 5, 6, 8} <= Counter(one.status for one in decoded).keys()


def test_planes_of_alpha_are_read_however_zlib_wrote_them(
    decode_many: DecodeMany, budgie: NDArray[np.uint8]
) -> None:
    pixels = budgie[:90, :120]
    plane = pixels[:, :, 0].tobytes() + bytes(90 * 40) + b"ab" * (90 * 40)
    random = np.random.default_rng(1)
    files = []
    lossy = codec.encode(np.tile(pixels, (1, 2, 1)), weights=SMALL_ID, max_error=9)
    container = read_container(lossy, MAX_PIXELS)
    for level in (0, 1, 6, 9):
        for strategy in (
            zlib.Z_DEFAULT_STRATEGY,
            zlib.Z_FILTERED,
            zlib.Z_HUFFMAN_ONLY,
            zlib.Z_RLE,
            zlib.Z_FIXED,
        ):
            writer = zlib.compressobj(level, zlib.DEFLATED, 15, 9, strategy)
            packed = writer.compress(plane) + writer.flush()
            place = int(random.integers(len(packed)))
            damaged = packed[:place] + random.bytes(1) + packed[place + 1 :]
            for prediction, content in enumerate((packed, damaged, packed + b"\0", packed[:-1])):
                alpha = bytes([prediction]) + content
                files.append(replace(container, alpha=alpha).to_bytes())
    decoded = decode_many([(SMALL, data) for data in files])
    outcomes_agree(decoded, files, resolve(SMALL_ID))
    assert [one.status for one in decoded[::4]] == [0] * (len(files) // 4)


def test_damaged_weights_are_refused_or_decode_as_the_package_decodes(
    decode_many: DecodeMany, fuzzer: Fuzzer, tmp_path: Path
) -> None:
    """What this package refuses may decode: proofs that nothing overflows are not repeated."""
    pixels = read_picture(DATA / "budgie.png")[:50, :90]
    pairs, loaded = [], []
    container = read_container(encode_picture(pixels, 60, load_weights(TINY, "tiny")), MAX_PIXELS)
    random = np.random.default_rng(3)
    for number, data in enumerate(islice(fuzzer("fuzz_weights").inputs(random), 50)):
        path = tmp_path / f"{number}.safetensors"
        path.write_bytes(data)
        try:
            weights = load_weights(path, "tiny")
            file = encode_picture(pixels, 60, weights)
        except WeightsError:
            weights = None
            digest = hashlib.sha256(data).digest()[:4]
            file = replace(container, weights=WeightsReference("tiny", digest)).to_bytes()
        pairs.append((path, file))
        loaded.append(weights)
    decoded = decode_many(pairs)
    for one, (_, file), weights in zip(decoded, pairs, loaded, strict=True):
        if weights is None:
            assert one.status in (0, 4, 7)
        else:
            outcomes_agree([one], [file], weights)
    assert {0, 7} <= Counter(one.status for one in decoded).keys()
    assert any(loaded)


def test_wrong_calls_are_told_from_damaged_files(native: Path, tmp_path: Path) -> None:
    path = tmp_path / "in.lic"
    pixels = read_picture(DATA / "budgie.png")[:40, :60]
    picture = Picture(pixels, metadata=Metadata(icc=b"profile"))
    path.write_bytes(codec.encode(picture, 50, SMALL_ID))
    run(native / "check_api", SMALL, TINY, path)


def test_the_example_writes_a_picture_or_nothing(native: Path, tmp_path: Path) -> None:
    golden, out = DATA / f"{SMALL_ID}-q10.lic", tmp_path / "out.pam"
    run(native / "lic_decode", SMALL, golden, out)
    header, _, pixels = out.read_bytes().partition(b"ENDHDR\n")
    assert header == b"P7\nWIDTH 512\nHEIGHT 512\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\n"
    assert pixels == codec.decode(golden.read_bytes()).tobytes()

    data = golden.read_bytes()
    (tmp_path / "damaged.lic").write_bytes(data[:-1])
    command = [native / "lic_decode", SMALL, tmp_path / "damaged.lic", tmp_path / "none.pam"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 5
    assert done.stderr.startswith("lic_decode: the file is truncated")
    assert not (tmp_path / "none.pam").exists()
