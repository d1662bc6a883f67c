from __future__ import annotations

import json
import subprocess
import sys
import zlib
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from lic.cli.main import main
from lic.codec import DEFAULT_WEIGHTS, MAX_PIXELS, read_container
from lic.codec.errors import LicError
from lic.codec.manifest import WeightsEntry
from lic.codec.metadata import Metadata
from lic.codec.picture import load_picture, picture_bytes, read_picture
from lic.evaluation.metrics import psnr

DATA = Path(__file__).parents[1] / "data"
Case = tuple[int, tuple[object, ...], bytes | None]
"""An exit code, a command, and what to write to its input before."""


def lic(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(a) for a in arguments])


def test_a_picture_goes_to_a_file_and_back(picture: Path, tmp_path: Path) -> None:
    file, out = tmp_path / "out.bin", tmp_path / "out.png"
    assert lic("encode", picture, file, "-q", 70).exit_code == 0
    assert lic("decode", file, out).exit_code == 0
    assert psnr(read_picture(picture), read_picture(out)) > 25
    assert file.stat().st_size < 0.2 * picture.stat().st_size


def test_info_tells_what_the_header_says(picture: Path, tmp_path: Path) -> None:
    file = tmp_path / "out.bin"
    lic("encode", picture, file, "-q", 12.5)
    facts = json.loads(lic("info", file, "--json").output)
    assert (facts["width"], facts["height"], facts["quality"]) == (170, 100, 12.5)
    assert sum(facts["parts"].values()) == facts["bytes"] == file.stat().st_size
    assert facts["bpp"] == pytest.approx(8 * facts["bytes"] / 17000)
    shown = lic("info", file).output
    assert "170" in shown
    assert "header 17" in shown


def test_info_tells_that_a_file_has_no_loss_instead_of_a_quality(
    picture: Path, tmp_path: Path
) -> None:
    file = tmp_path / "out.bin"
    lic("encode", picture, file, "--lossless")
    facts = json.loads(lic("info", file, "--json").output)
    assert (facts["quality"], facts["lossless"]) == (None, True)
    lines = [line.split() for line in lic("info", file).output.splitlines()]
    assert ["quality", "none"] in lines
    assert ["lossless", "True"] in lines


def test_info_tells_of_every_box(picture: Path, tmp_path: Path) -> None:
    file = tmp_path / "out.bin"
    lic("encode", picture, file)
    container = read_container(file.read_bytes(), MAX_PIXELS)
    boxes = {"i": b"profile", "q": b"of a newer program"}
    file.write_bytes(replace(container, ancillary=boxes).to_bytes())
    parts = json.loads(lic("info", file, "--json").output)["parts"]
    assert list(parts) == ["header", "weights", "icc", "q", "streams", "checksum"]
    assert (parts["icc"], parts["q"]) == (9, 20)
    assert sum(parts.values()) == file.stat().st_size
    assert "icc 9, q 20" in lic("info", file).output


def test_metadata_is_kept_or_stripped(picture: Path, tmp_path: Path) -> None:
    source, file, out = tmp_path / "full.png", tmp_path / "out.lic", tmp_path / "out.png"
    full = Metadata(icc=bytes(9), exif=b"II*\0\x08\0\0\0\0\0", xmp=b"<x/>")
    source.write_bytes(picture_bytes(replace(load_picture(picture), metadata=full), source))
    for words, kept in (
        ((), full),
        (("--strip", "all"), Metadata()),
        (("--strip", "exif", "--strip", "xmp"), Metadata(icc=full.icc)),
    ):
        assert lic("encode", source, file, *words).exit_code == 0
        assert lic("decode", file, out).exit_code == 0
        assert load_picture(out).metadata == kept
    lic("encode", source, file)
    assert lic("decode", file, out, "--strip", "icc").exit_code == 0
    assert load_picture(out).metadata == replace(full, icc=b"")


def test_what_a_picture_loses_is_said(tmp_path: Path) -> None:
    source, file = tmp_path / "deep.png", tmp_path / "out.lic"
    Image.fromarray(np.full((9, 9), 12345, np.uint16)).save(source)
    result = lic("encode", source, file)
    assert f"{source}: samples of 16 bits became samples of 8\n" in result.output
    facts = json.loads(lic("info", file, "--json").output)
    assert (facts["colours"], facts["transparent"], facts["original_bits"]) == ("gray", False, 16)


def test_a_part_of_a_picture_is_decoded(picture: Path, tmp_path: Path) -> None:
    file, whole, part = tmp_path / "out.lic", tmp_path / "whole.png", tmp_path / "part.png"
    lic("encode", picture, file)
    lic("decode", file, whole)
    assert lic("decode", file, part, "--region", "20,30,40,50").exit_code == 0
    assert np.array_equal(read_picture(part), read_picture(whole)[30:80, 20:60])
    words = ("--region", "20,30,40,50", "--scale", "1/8")
    assert lic("decode", file, part, *words).exit_code == 0
    assert read_picture(part).shape == (7, 5, 3)


def test_models_lists_the_installed_weights() -> None:
    listed = json.loads(lic("models", "--json").output)
    assert listed
    shown = lic("models").output
    for name in listed:
        assert name in shown


@pytest.mark.torch
def test_models_lists_every_preset_with_its_cost_by_module(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from lic.models import PRESETS

    listed = json.loads(lic("models", "--json", "--all").output)
    assert set(listed["presets"]) == set(PRESETS)
    assert set(listed["weights"]) == set(json.loads(lic("models", "--json").output))
    for preset in listed["presets"].values():
        counts, cost = preset["parameters_by_module"], preset["kmac_per_pixel"]
        assert sum(n for part, n in counts.items() if "." not in part) == preset["parameters"]
        assert cost["encode"] > cost["entropy"] < cost["decode"]
    monkeypatch.setattr("lic.models.PRESETS", {"mlicv2-tiny": PRESETS["mlicv2-tiny"]})
    assert "entropy.inter_slice" in lic("models", "--all").output


def _errors() -> list[type[LicError]]:
    import lic.evaluation.compressai_codec
    import lic.evaluation.report
    import lic.quantization.errors
    import lic.training.errors  # noqa: F401

    found, queue = [], [LicError]
    while queue:
        kind = queue.pop()
        found.append(kind)
        queue += kind.__subclasses__()
    return found


def test_exit_codes_are_distinct() -> None:
    codes = [kind.exit_code for kind in _errors()]
    assert len(set(codes)) == len(codes)
    assert not {0, 2} & set(codes)  # success, and click's usage errors


def test_help_lists_every_exit_code_in_a_line_of_its_own() -> None:
    lines = lic("--help").output.split("Exit codes:")[1].strip().splitlines()
    listed = [int(line.split()[0]) for line in lines]
    assert listed == sorted(set(listed))
    assert set(listed) == {0, 2, 130, 143, *(kind.exit_code for kind in _errors())}


def test_bad_input_gets_one_sentence_and_its_exit_code(picture: Path, tmp_path: Path) -> None:
    file, out = tmp_path / "out.bin", tmp_path / "out.png"
    lic("encode", picture, file)
    good = file.read_bytes()
    flipped = bytearray(good)
    flipped[len(good) // 2] ^= 1
    version = bytearray(good)
    version[4] = 99
    newer = good[:17] + b"Q\x00" + good[17:-4]
    newer += zlib.crc32(newer).to_bytes(4, "little")
    (tmp_path / "empty").mkdir()
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    animation, transparent = tmp_path / "moves.gif", tmp_path / "transparent.lic"
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    frames[0].save(animation, save_all=True, append_images=frames[1:])
    Image.new("RGBA", (4, 4)).save(tmp_path / "transparent.png")
    lic("encode", tmp_path / "transparent.png", transparent)
    cases: list[Case] = [
        (3, ("encode", tmp_path / "none.png", file), None),
        (3, ("encode", DATA / "README.md", file), None),
        (3, ("decode", file, tmp_path / "out.gif"), good),
        (3, ("decode", tmp_path / "none.bin", out), None),
        (4, ("decode", picture, out), None),
        (4, ("decode", file, out), bytes(flipped)),
        (5, ("decode", file, out), good[:-10]),
        (5, ("decode", file, out), b""),
        (6, ("decode", file, out), bytes(version)),
        (7, ("encode", picture, file, "--weights", "nope"), None),
        (8, ("decode", file, out, "--max-pixels", 100), good),
        (8, ("info", file, "--max-pixels", 100), good),
        (9, ("encode", picture, tmp_path / "no" / "out.bin"), None),
        (9, ("encode", picture, file, "--no-overwrite"), None),
        (9, ("encode", picture, DATA / "README.md"), None),
        (9, ("encode", picture, "-o", picture), None),
        (9, ("encode", picture, "-o", picture, "--overwrite"), None),
        (9, ("encode", picture, loop), None),
        (9, ("encode", picture, tmp_path / ("n" * 300)), None),
        (9, ("decode", file, "--out-dir", picture / "folder"), good),
        (3, ("encode", loop), None),
        (3, ("encode", tmp_path / ("n" * 300), file), None),
        (3, ("decode", tmp_path / "empty"), None),
        (3, ("encode", tmp_path / "*.gif"), None),
        (3, ("decode", loop, out), None),
        (2, ("encode", picture, "--quiet", "--verbose"), None),
        (2, ("encode", picture, file, "--lossless", "--max-error", 1), None),
        (2, ("encode", picture, file, "--lossless", "-q", 50), None),
        (2, ("encode", picture, file, "--lossless", "--target-bpp", 1), None),
        (2, ("encode", picture, file, "--lossless", "--effort", 1), None),
        (2, ("encode", picture, file, "--max-error", 0, "--target-size", "9k"), None),
        (2, ("encode", picture, file, "--max-error", 256), None),
        (2, ("encode", picture, "--skip-existing", "--overwrite"), None),
        (2, ("encode", picture, loop, "-o", file), None),
        (2, ("encode", picture, file, "-q", 101), None),
        (2, ("encode", picture, file, "--effort", 10), None),
        (12, ("compare", picture, out, "--peers", "gif"), None),
        (14, ("compare", picture, out, "--compressai", "mbt2018-mean=none.pth"), None),
        (13, ("eval", tmp_path / "empty", "--out", tmp_path / "report"), None),
        (17, ("decode", file, out), newer),
        (21, ("decode", file, out, "--region", "0,0,171,1"), good),
        (2, ("decode", file, out, "--region", "0,0,1"), good),
        (2, ("decode", file, out, "--scale", "1/3"), good),
        (2, ("encode", picture, file, "--strip", "iptc"), None),
        (3, ("encode", animation, file), None),
        (3, ("decode", transparent, tmp_path / "out.ppm"), None),
        (7, ("encode", picture, file, "--weights-folder", tmp_path / "empty"), None),
        (7, ("models", "--weights-folder", tmp_path / "empty"), None),
        (7, ("encode", picture, file, "--weights", tmp_path), None),
    ]
    expect(cases, file)
    assert not out.exists()


@pytest.mark.torch
def test_bad_trainings_get_one_sentence_and_their_exit_code(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    cases: list[Case] = [
        (16, ("train", tmp_path, "--out", tmp_path / "run", "--steps", 1, "--preset", "x"), None),
        (16, ("train", tmp_path, "--out", tmp_path / "run", "--set", "step=1"), None),
        (10, ("train", tmp_path / "empty", "--out", tmp_path / "run", "--steps", 1), None),
        (7, ("train", tmp_path, "--out", tmp_path / "run", "--init", "nope"), None),
    ]
    expect(cases, tmp_path / "out.bin")


def expect(cases: list[Case], file: Path) -> None:
    """The exit codes of commands, each after ``file`` got its contents, if any."""
    for code, arguments, content in cases:
        if content is not None:
            file.write_bytes(content)
        result = lic(*arguments)
        assert result.exit_code == code, arguments
        assert "Traceback" not in result.output
        if code != 2:
            assert result.output.startswith("lic: ")
            assert len(result.output.splitlines()) == 1


@pytest.mark.skipif(find_spec("torch") is not None, reason="tests what happens without torch")
def test_without_torch_commands_that_need_it_say_which_extra_to_install(
    picture: Path, tmp_path: Path
) -> None:
    for extra, words in (
        ("training", ("train", DATA, "--out", tmp_path / "run", "--steps", 1)),
        ("training", ("weights", "pack", tmp_path, "--id", "mine-1")),
        ("torch", ("encode", picture, tmp_path / "a.lic", "--effort", 3)),
        ("torch", ("encode", picture, tmp_path / "a.lic", "--device", "cuda")),
        ("torch", ("encode", picture, tmp_path / "a.lic", "--weights", "small-2")),
        ("torch", ("quantize", "small-2", DATA, "--id", "mine-1", "--out", tmp_path / "w")),
        ("torch", ("models", "--all")),
    ):
        result = lic(*words)
        assert result.exit_code == 11, words
        wanted = f"lic: this needs the package torch: pip install 'lic[{extra}]'"
        assert result.output.strip() == wanted
    assert not (tmp_path / "a.lic").exists()


def test_wrong_settings_in_the_environment_are_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LIC_ISA", "mmx")
    result = lic("models")
    assert result.exit_code == LicError.exit_code
    assert result.stderr.startswith("lic: the environment variable LIC_ISA is wrong: there is no")
    assert result.stderr.count("\n") == 1
    monkeypatch.delenv("LIC_ISA")
    for threads in ("0", "-1", "many"):
        monkeypatch.setenv("LIC_THREADS", threads)
        result = lic("models")
        assert result.exit_code == LicError.exit_code
        wanted = f"lic: the environment variable LIC_THREADS is no number of threads: {threads}\n"
        assert result.stderr == wanted


def test_help_and_info_do_not_load_numpy() -> None:
    check = (
        "import sys\n"
        "from click.testing import CliRunner\n"
        "from lic.cli.main import main\n"
        "for words in (['--help'], ['info', sys.argv[1]]):\n"
        "    assert CliRunner().invoke(main, words).exit_code == 0, words\n"
        "assert 'numpy' not in sys.modules\n"
    )
    golden = DATA / "small-3-q10.lic"
    subprocess.run([sys.executable, "-c", check, str(golden)], check=True)


def test_help_and_models_do_not_load_torch() -> None:
    check = (
        "import sys\n"
        "from click.testing import CliRunner\n"
        "from lic.cli.main import main\n"
        "for words in (['--help'], ['encode', '--help'], ['models'], ['--version']):\n"
        "    assert CliRunner().invoke(main, words).exit_code == 0, words\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", check], check=True)


@pytest.mark.torch
def test_coding_and_training_load_neither_compressai_nor_constriction(tmp_path: Path) -> None:
    check = (
        "import sys\n"
        "import numpy as np\n"
        "from lic import codec\n"
        "import lic.training.run\n"
        "codec.decode(codec.encode(np.zeros((8, 8, 3), np.uint8)))\n"
        "loaded = {'compressai', 'constriction', 'pandas', 'scipy', 'matplotlib'}\n"
        "assert not loaded & set(sys.modules), loaded & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", check], check=True)


@pytest.mark.torch
def test_training_makes_a_run_that_can_be_packed(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    Image.fromarray(random.integers(0, 256, (256, 256, 3), np.uint8)).save(tmp_path / "a.png")
    run = tmp_path / "run"
    words = ("train", tmp_path, "--preset", "tiny", "--out", run, "--steps", 2, "--set", "batch=1")
    assert lic(*words).exit_code == 0
    assert (run / "report.html").stat().st_size > 1000
    assert lic("weights", "pack", run, "--id", "mine-1").exit_code == 0
    assert (run / "weights" / "mine-1.safetensors").stat().st_size > 1000


def test_a_folder_of_weights_can_be_given_to_every_command(
    tmp_path: Path,
    picture: Path,
    float_file: Callable[[str], Path],
    make_weights_folder: Callable[[Path, str, Path], WeightsEntry],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LIC_WEIGHTS", "")  # the commands change it: to be undone afterwards
    folder = tmp_path / "weights"
    make_weights_folder(folder, "mine-1", float_file("tiny"))
    file, out = tmp_path / "out.bin", tmp_path / "out.png"
    given = ("--weights-folder", folder)
    assert lic("encode", picture, file, *given).exit_code == 0
    assert json.loads(lic("info", file, "--json").output)["weights"] == "mine-1"
    named = tmp_path / "named.bin"
    assert lic("encode", picture, named, *given, "--weights", DEFAULT_WEIGHTS).exit_code == 0
    assert json.loads(lic("info", named, "--json").output)["weights"] == DEFAULT_WEIGHTS
    monkeypatch.setenv("LIC_WEIGHTS", "")
    assert "my own" not in lic("models").output
    assert lic("decode", file, out, *given).exit_code == 0
    monkeypatch.setenv("LIC_WEIGHTS", "")
    assert "my own" in lic("models", *given).output
    monkeypatch.setenv("LIC_WEIGHTS", "")
    assert lic("compare", picture, tmp_path / "s.png", "--peers", "", *given).exit_code == 0
    monkeypatch.setenv("LIC_WEIGHTS", "")
    words = ("train", DATA, *given, "--init", "mine-1", "--out", tmp_path / "run", "--steps", 1)
    assert lic(*words, "--set", "batch=1", "--set", "crop=64").exit_code == 0
