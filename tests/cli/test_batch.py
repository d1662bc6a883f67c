from __future__ import annotations

import os
import random
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from lic import codec
from lic.cli.main import main
from lic.codec.errors import MissingDeviceError, MissingPackageError, SomeFailedError
from lic.codec.picture import load_picture, read_picture
from lic.codec.pixels import psnr_of

DATA = Path(__file__).parents[1] / "data"
posix = pytest.mark.skipif(sys.platform == "win32", reason="needs signals and pipes with names")


def lic(*arguments: object, input: bytes | None = None) -> Result:
    return CliRunner().invoke(main, [str(a) for a in arguments], input=input)


@pytest.fixture(scope="module")
def crop() -> Image.Image:
    return Image.fromarray(read_picture(DATA / "budgie.png")[200:264, 100:196])


@pytest.fixture
def pictures(tmp_path: Path, crop: Image.Image) -> Path:
    """A folder of three pictures, and one that is none."""
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    for i, name in enumerate(("a.png", "b.jpg", "deep/c.png")):
        crop.rotate(90 * i, expand=True).save(folder / name)
    (folder / "bad.png").write_bytes(b"no picture")
    return folder


def names(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_bad_picture_does_not_stop_the_others(pictures: Path, tmp_path: Path, jobs: int) -> None:
    out = tmp_path / "out"
    result = lic("encode", pictures, "--out-dir", out, "--jobs", jobs)
    assert result.exit_code == 19
    summary, *errors = result.stderr.splitlines()
    assert summary.startswith("encoded 3 of 4 pictures (1 failed): ")
    assert errors == [
        f"lic: {pictures / 'bad.png'} is not a picture of a known kind",
        "lic: 1 of 4 pictures failed",
    ]
    assert names(out) == ["a.lic", "b.lic", "deep/c.lic"]
    back = tmp_path / "back"
    result = lic("decode", out, "--out-dir", back, "--format", "ppm", "--jobs", jobs)
    assert result.exit_code == 0, result.output
    assert names(back) == ["a.ppm", "b.ppm", "deep/c.ppm"]
    wanted = codec.decode(codec.encode(read_picture(pictures / "deep" / "c.png")))
    assert np.array_equal(read_picture(back / "deep" / "c.ppm"), wanted)


def test_on_a_device_pictures_are_coded_by_threads_to_the_same_files(
    pictures: Path, tmp_path: Path
) -> None:
    pytest.importorskip("torch", reason="needs the extra torch")
    out, back = tmp_path / "out", tmp_path / "back"
    result = lic("encode", pictures, "--out-dir", out, "--device", "torch")
    assert result.exit_code == SomeFailedError.exit_code
    assert result.stderr.splitlines()[1:] == [
        f"lic: {pictures / 'bad.png'} is not a picture of a known kind",
        "lic: 1 of 4 pictures failed",
    ]
    pixels = read_picture(pictures / "a.png")
    assert (out / "a.lic").read_bytes() == codec.encode(pixels)
    result = lic("decode", out, "--out-dir", back, "--device", "torch", "--jobs", 2)
    assert result.exit_code == 0, result.output
    assert names(back) == ["a.png", "b.png", "deep/c.png"]
    assert np.array_equal(read_picture(back / "a.png"), codec.decode(codec.encode(pixels)))


@pytest.mark.parametrize("jobs", [1, 2])
def test_without_a_device_all_ends_at_once(pictures: Path, jobs: int) -> None:
    result = lic("encode", pictures, "--device", "cuda:99", "--jobs", jobs)
    assert result.exit_code in {MissingDeviceError.exit_code, MissingPackageError.exit_code}
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_no_picture_could_be_coded_without_ends_all_at_once(pictures: Path, jobs: int) -> None:
    result = lic("encode", pictures, "--weights", "nope", "--jobs", jobs)
    assert result.exit_code == 7
    assert result.stderr.startswith("lic: weights 'nope' are not installed")
    assert result.stderr.count("\n") == 1


def test_outputs_that_exist_are_skipped_if_asked(pictures: Path) -> None:
    old = (pictures / "a.lic", pictures / "bad.lic")
    for path in old:
        path.write_bytes(b"old")
    result = lic("encode", pictures, "--skip-existing", "-v")
    assert result.exit_code == 0
    *lines, summary = result.stderr.splitlines()
    assert summary.startswith("encoded 2 of 4 pictures (2 skipped): ")
    assert [line.split(":")[0] for line in lines] == [
        f"{pictures / name}.{kind} to {pictures / name}.lic"
        for name, kind in (("b", "jpg"), ("deep/c", "png"))
    ]
    assert [path.read_bytes() for path in old] == [b"old", b"old"]


def test_quiet_says_nothing_but_errors(pictures: Path) -> None:
    assert lic("encode", pictures / "a.png", "--quiet").output == ""
    result = lic("encode", pictures, "--quiet")
    assert result.stderr.splitlines() == [
        f"lic: {pictures / 'bad.png'} is not a picture of a known kind",
        "lic: 1 of 4 pictures failed",
    ]


def test_all_pictures_of_a_folder_can_be_given_by_a_pattern_of_the_shell(
    pictures: Path, crop: Image.Image
) -> None:
    first, second = pictures / "a.png", pictures / "a2.png"
    crop.save(second)
    before = second.read_bytes()
    assert lic("encode", first, second).exit_code == 0
    assert second.read_bytes() == before
    assert first.with_suffix(".lic").exists()
    assert second.with_suffix(".lic").exists()


def test_pictures_go_through_pipes(pictures: Path, tmp_path: Path) -> None:
    encoded = lic("encode", "-", "-q", 80, input=(pictures / "a.png").read_bytes())
    assert encoded.exit_code == 0
    pixels = read_picture(pictures / "a.png")
    assert encoded.stdout_bytes == codec.encode(pixels, 80)
    decoded = lic("decode", "-", "--format", "ppm", input=encoded.stdout_bytes)
    assert decoded.stdout_bytes.startswith(b"P6")
    file = tmp_path / "a.lic"
    assert (
        lic("encode", "-", file, "-q", 80, input=(pictures / "a.png").read_bytes()).exit_code == 0
    )
    assert file.read_bytes() == encoded.stdout_bytes
    result = lic("encode", "-", input=b"text")
    assert result.stderr == "lic: the standard input is not a picture of a known kind\n"
    assert (result.exit_code, result.stdout_bytes) == (3, b"")
    assert lic("info", "-", "--json", input=encoded.stdout_bytes).exit_code == 0


def test_targets_are_kept_to(pictures: Path) -> None:
    picture, file = pictures / "a.png", pictures / "a.lic"
    for words, most in ((("--target-size", "1.2k"), 1200), (("--target-bpp", 1.5), 1152)):
        assert lic("encode", picture, *words).exit_code == 0
        assert 0.98 * most <= file.stat().st_size <= most
    assert lic("encode", picture, "--target-psnr", 31).exit_code == 0
    difference = codec.decode(file.read_bytes()).astype(int) - read_picture(picture)
    assert psnr_of(float(np.square(difference).mean())) == pytest.approx(31, abs=0.05)
    result = lic("encode", picture, "--target-size", 10)
    assert result.exit_code == 20
    assert result.stderr.startswith("lic: the target is too small: the picture takes ")
    for words in (
        ("--target-size", "many"),
        ("--target-bpp", 0),
        ("--target-bpp", 1, "--target-psnr", 30),
        ("--target-bpp", 1, "-q", 50),
    ):
        assert lic("encode", picture, *words).exit_code == 2


@pytest.mark.parametrize("jobs", [1, 2])
def test_batches_keep_all_that_pictures_carry(tmp_path: Path, crop: Image.Image, jobs: int) -> None:
    folder, files, back = tmp_path / "in", tmp_path / "files", tmp_path / "back"
    folder.mkdir()
    random = np.random.default_rng(0)
    Image.fromarray(random.integers(0, 256, (20, 30, 4), np.uint8)).save(folder / "alpha.png")
    crop.convert("L").save(folder / "gray.tiff")
    crop.save(folder / "camera.jpg", xmp=b"<x/>", comment=b"not kept")
    Image.fromarray(np.full((9, 9), 12345, np.uint16)).save(folder / "deep.png")
    result = lic("encode", folder, "--lossless", "--out-dir", files, "--jobs", jobs)
    assert result.exit_code == 0, result.output
    assert f"{folder / 'deep.png'}: samples of 16 bits became samples of 8" in result.stderr
    for suffix in ("png", "webp"):
        words = ("--format", suffix, "--out-dir", back, "--jobs", jobs)
        assert lic("decode", files, *words).exit_code == 0
        for name in ("alpha.png", "camera.jpg", "gray.tiff"):
            picture, again = (
                load_picture(path)
                for path in (folder / name, (back / name).with_suffix(f".{suffix}"))
            )
            assert np.array_equal(again.pixels, picture.pixels), name
            assert (again.alpha is None) == (picture.alpha is None)
            if picture.alpha is not None:
                assert np.array_equal(again.alpha, picture.alpha)
            assert again.metadata == picture.metadata
    assert Image.open(back / "gray.png").mode == "L"
    result = lic("decode", files, "--format", "jpg", "--out-dir", back, "--jobs", jobs)
    assert result.exit_code == 19
    target = back / "alpha.jpg"
    reason = f"cannot write {target}: JPEG has no transparency, which the picture has"
    assert f"lic: {files / 'alpha.lic'}: {reason}" in result.stderr
    assert not target.exists()
    with Image.open(back / "camera.jpg") as image:
        assert image.info["xmp"] == b"<x/>"


def test_no_sample_is_off_by_more_than_the_largest_error(pictures: Path) -> None:
    picture, file = pictures / "a.png", pictures / "a.lic"
    sizes = []
    for words, most in (("--lossless", 0), ("--max-error=0", 0), ("--max-error=3", 3)):
        assert lic("encode", picture, words).exit_code == 0
        difference = codec.decode(file.read_bytes()).astype(int) - read_picture(picture)
        assert np.abs(difference).max() == most
        sizes.append(file.stat().st_size)
    assert sizes[0] == sizes[1] > sizes[2]


def test_options_that_set_a_files_size_exclude_each_other(pictures: Path) -> None:
    for first, second in (
        (("--quality", 50), ("--lossless",)),
        (("--target-bpp", 1), ("--target-psnr", 30)),
        (("--target-size", "9k"), ("--max-error", 0)),
        (("--lossless",), ("--max-error", 2)),
    ):
        result = lic("encode", pictures / "a.png", *first, *second)
        assert result.exit_code == 2
        assert f"Error: {first[0]} excludes {second[0]}\n" in result.stderr


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_damaged_pictures_fail_one_by_one_with_a_sentence_each(
    kind: str, tmp_path: Path, crop: Image.Image
) -> None:
    good = tmp_path / "good"
    crop.save(good, kind)
    draw = random.Random(0)
    suffix = f".{kind.lower()}"
    for i in range(150):
        data = bytearray(good.read_bytes())
        for _ in range(draw.choice((1, 3, 30))):
            data[draw.randrange(len(data))] = draw.randrange(256)
        if i % 3 == 0:
            del data[draw.randrange(len(data)) :]
        (tmp_path / f"{i:03}{suffix}").write_bytes(data)
    result = lic("encode", tmp_path, "--jobs", 1)
    assert result.exit_code == 19
    summary, *errors, last = result.stderr.splitlines()
    assert summary.startswith("encoded ")
    assert last == f"lic: {len(errors)} of 150 pictures failed"
    failed = {
        name for name in (f"{i:03}" for i in range(150)) if f"{name}{suffix}" in "".join(errors)
    }
    assert len(failed) == len(errors) > 10
    coded = {path.stem for path in tmp_path.glob("*.lic")}
    assert coded
    assert coded == {f"{i:03}" for i in range(150)} - failed


@contextmanager
def _reading(folder: Path, *words: object) -> Iterator[tuple[subprocess.Popen[bytes], list[int]]]:
    """The program, which waits for all that two pipes are to give, and their other ends."""
    pipes = [folder / "a.png", folder / "b.png"]
    for pipe in pipes:
        os.mkfifo(pipe)
    command = [sys.executable, "-m", "lic.cli", "encode", *map(str, (*pipes, *words))]
    # A shell's background programs ignore Ctrl-C, and what they start does.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    program = subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True)
    signal.signal(signal.SIGINT, before)
    with program:
        ends = [os.open(pipe, os.O_WRONLY) for pipe in pipes[: 2 if "2" in command else 1]]
        try:
            yield program, ends
        finally:
            program.kill()
            for end in ends:
                os.close(end)


@posix
@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("send", [os.kill, os.killpg], ids=["process", "group"])
@pytest.mark.parametrize(
    ("number", "line"),
    [(signal.SIGINT, b"lic: interrupted\n"), (signal.SIGTERM, b"lic: terminated\n")],
    ids=["SIGINT", "SIGTERM"],
)
def test_a_signal_ends_it_with_one_line_and_the_usual_exit_code(
    tmp_path: Path,
    jobs: int,
    send: Callable[[int, int], None],
    number: signal.Signals,
    line: bytes,
) -> None:
    with _reading(tmp_path, "--jobs", jobs) as (program, _):
        send(program.pid, number)
        _, stderr = program.communicate(timeout=30)
        assert (program.returncode, stderr) == (128 + number, line)
    assert names(tmp_path) == []


@posix
def test_the_processes_of_a_killed_program_end(tmp_path: Path) -> None:
    with _reading(tmp_path, "--jobs", 2) as (program, ends):
        program.kill()
        for end in ends:
            waiting = select.poll()
            waiting.register(end, 0)
            assert waiting.poll(30_000)  # an error: nobody reads any more


_LOOP = """
import itertools, sys
from lic.cli.main import main
for i in itertools.count():
    quality = str(30 + 40 * (i % 2))
    for words in (["encode", "in.png", "out.lic", "-q", quality], ["decode", "out.lic", "out.png"]):
        main([*words, "--quiet"], standalone_mode=False)
    if i == 1:
        print("ready", flush=True)
"""


@posix
def test_a_program_that_is_killed_leaves_old_or_new_files_and_the_next_run_tidies_up(
    tmp_path: Path, crop: Image.Image
) -> None:
    stress(tmp_path, crop, 5)


def stress(folder: Path, picture: Image.Image, rounds: int) -> int:
    """Kill so many programs at random moments; the number of temporary files they left."""
    picture.save(folder / "in.png")
    files = {codec.encode(read_picture(folder / "in.png"), quality) for quality in (30, 70)}
    shown = {codec.decode(data).tobytes() for data in files}
    left = 0
    for _ in range(rounds):
        with subprocess.Popen(
            [sys.executable, "-c", _LOOP], cwd=folder, stdout=subprocess.PIPE
        ) as program:
            assert program.stdout
            assert program.stdout.readline() == b"ready\n"
            time.sleep(random.uniform(0, 0.1))
            program.kill()
        assert (folder / "out.lic").read_bytes() in files
        assert read_picture(folder / "out.png").tobytes() in shown
        left += len(names(folder)) - 3
        assert lic("encode", folder / "in.png", "-o", folder / "out.lic").exit_code == 0
        assert names(folder) == ["in.png", "out.lic", "out.png"]
    return left
