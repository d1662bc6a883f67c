from __future__ import annotations

from pathlib import Path

import click
import pytest

from lic.cli.jobs import Existing, Job, Naming, Screened, described, plan, screen
from lic.codec.container import MAGIC
from lic.codec.errors import CorruptFileError, LicError, OutputError, PictureError
from lic.codec.input import STANDARD

ENCODE = Naming("picture", (".png", ".jpg"), ".lic", MAGIC)
DECODE = Naming("lic file", (".lic",), ".png", None)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def planned(*words: str, naming: Naming = ENCODE, **options: str) -> list[tuple[str, str]]:
    output, out_dir = (Path(options[k]) if k in options else None for k in ("output", "out_dir"))
    jobs = plan([Path(word) for word in words], naming, output, out_dir)
    return [(str(job.source), str(job.target)) for job in jobs]


def test_an_output_without_a_name_lies_beside_its_input() -> None:
    assert planned("a/x.png") == [("a/x.png", "a/x.lic")]
    assert planned("a/x.PNG") == [("a/x.PNG", "a/x.lic")]
    assert planned("x.old") == [("x.old", "x.old.lic")]
    assert planned("a/x.lic", naming=DECODE) == [("a/x.lic", "a/x.png")]


def test_the_second_of_two_arguments_is_the_output_unless_it_looks_like_an_input() -> None:
    assert planned("a.png", "b.lic") == [("a.png", "b.lic")]
    assert planned("a.png", "b") == [("a.png", "b")]
    assert planned("a.png", "b.png") == [("a.png", "a.lic"), ("b.png", "b.lic")]
    assert planned("a.png", "a.png") == [("a.png", "a.lic")]
    assert planned("a.lic", "b.jpg", naming=DECODE) == [("a.lic", "b.jpg")]
    assert planned("a.lic", "b.lic", naming=DECODE) == [("a.lic", "a.png"), ("b.lic", "b.png")]
    assert planned("a.png", "b.lic", "c") == [
        ("a.png", "a.lic"),
        ("b.lic", "b.lic.lic"),
        ("c", "c.lic"),
    ]


def test_a_dash_is_the_standard_input_or_output() -> None:
    assert planned("-") == [("-", "-")]
    assert planned("-", "-") == [("-", "-")]
    assert planned("-", "a.lic") == [("-", "a.lic")]
    assert planned("a.png", "-") == [("a.png", "-")]
    assert planned("-", output="a.png") == [("-", "a.png")]
    with pytest.raises(click.UsageError, match="one of several"):
        planned("-", "a.png", "b.png")
    with pytest.raises(click.UsageError, match="one of several"):
        planned("-", out_dir="out")


def test_a_folder_stands_for_its_inputs_and_its_tree_is_repeated(folder: Path) -> None:
    (folder / "in" / "deep").mkdir(parents=True)
    for name in ("b.png", "deep/a.JPG", "notes.txt", ".lic-1.tmp"):
        (folder / "in" / name).touch()
    (folder / "in" / "loop.png").symlink_to("loop.png")
    assert planned("in") == [("in/b.png", "in/b.lic"), ("in/deep/a.JPG", "in/deep/a.lic")]
    assert planned("in", out_dir="out") == [
        ("in/b.png", "out/b.lic"),
        ("in/deep/a.JPG", "out/deep/a.lic"),
    ]
    assert planned("in/b.png", out_dir="out") == [("in/b.png", "out/b.lic")]
    assert planned("x.png", "in") == [("x.png", "x.lic"), *planned("in")]
    with pytest.raises(PictureError, match="no lic file in the folder in"):
        planned("in", naming=DECODE)


def test_a_pattern_is_expanded_unless_there_is_such_a_file(folder: Path) -> None:
    for name in ("b.png", "a.png", "[1].png"):
        (folder / name).touch()
    assert planned("*.png") == [("[1].png", "[1].lic"), ("a.png", "a.lic"), ("b.png", "b.lic")]
    assert planned("[1].png") == [("[1].png", "[1].lic")]
    with pytest.raises(PictureError, match=r"no file matches \*\.jpg"):
        planned("*.jpg")


def test_one_output_cannot_have_several_inputs(folder: Path) -> None:
    (folder / "in").mkdir()
    (folder / "in" / "a.png").touch()
    for words in (("a.png", "b.png"), ("in",)):
        with pytest.raises(click.UsageError, match="out can be the output of one picture only"):
            planned(*words, output="out")
    with pytest.raises(click.UsageError, match="one picture only"):
        planned("a.png", output="out", out_dir="folder")


def screened(*words: str, naming: Naming = ENCODE, existing: Existing = "check") -> Screened:
    return screen(plan([Path(word) for word in words], naming, None, None), naming, existing)


def refused(
    source: str, target: str, naming: Naming = ENCODE, existing: Existing = "check"
) -> str | None:
    """Why a named output is refused, if it is."""
    result = screen([Job(Path(source), Path(target), named=True)], naming, existing)
    if not result.failed:
        assert result.ready
        return None
    ((_, error),) = result.failed
    assert isinstance(error, OutputError)
    return str(error)


def test_files_that_are_no_lic_files_and_pictures_names_are_not_written_unasked(
    folder: Path,
) -> None:
    (folder / "text").write_bytes(b"of value")
    (folder / "old.lic").write_bytes(MAGIC + b"old")
    (folder / "empty").touch()
    assert refused("a.png", "old.lic") is None
    assert refused("a.png", "empty") is None
    assert refused("a.png", "new.lic") is None
    assert refused("a.png", "text") == (
        "text exists and is no lic file: --overwrite writes it all the same"
    )
    assert refused("a.png", "new.png") == (
        "new.png has the suffix of a picture: --overwrite writes it all the same"
    )
    for name in ("text", "new.png"):
        assert refused("a.png", name, existing="overwrite") is None
    assert refused("a.png", "old.lic", existing="keep") == (
        "old.lic exists (and --no-overwrite was given)"
    )


def test_an_input_is_never_written_over(folder: Path) -> None:
    (folder / "a.png").write_bytes(b"picture")
    (folder / "link").symlink_to("a.png")
    (folder / "hard").hardlink_to(folder / "a.png")
    for name in ("a.png", "./a.png", "link", "hard"):
        assert refused("a.png", name, existing="overwrite") == f"{Path(name)} is the input itself"


def test_an_existing_picture_is_replaced_only_if_it_was_named_or_with_overwrite(
    folder: Path,
) -> None:
    (folder / "a.png").write_bytes(b"picture")
    assert refused("a.lic", "a.png", DECODE) is None
    (failed,) = screened("a.lic", naming=DECODE).failed
    assert str(failed[1]) == "a.png exists: give --overwrite or --skip-existing"
    assert screened("a.lic", naming=DECODE, existing="overwrite").ready
    assert screened("a.lic", naming=DECODE, existing="skip").skipped


def test_the_second_of_two_inputs_with_one_output_fails() -> None:
    result = screened("a.png", "a.jpg", "b.png")
    assert [str(job.source) for job in result.ready] == ["a.png", "b.png"]
    assert [str(error) for _, error in result.failed] == ["a.lic is the output of a.png, too"]


def test_odd_outputs_are_found_before_any_work(folder: Path) -> None:
    (folder / "loop").symlink_to("loop")
    assert "symbolic links" in str(refused("a.png", "loop"))
    assert "name too long" in str(refused("a.png", "n" * 300))
    assert refused("a.png", "none/a.lic") == "cannot write none/a.lic: there is no folder none"
    (folder / "dangling").symlink_to("target")
    assert refused("a.png", "dangling") is None
    assert refused("a.png", "/dev/null") is None


def test_an_error_names_its_input_once() -> None:
    job = Job(Path("a.png"), Path("a.lic"), named=False)
    assert described(job, CorruptFileError("it is bad")) == "a.png: it is bad"
    assert described(job, LicError("cannot read a.png")) == "cannot read a.png"
    assert described(Job(STANDARD, STANDARD, True), LicError("bad")) == "the standard input: bad"
