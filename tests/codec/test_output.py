from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lic.codec.errors import OutputError
from lic.codec.output import remove_abandoned, write_file


def test_a_file_is_replaced_whole_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "out.bin"
    write_file(path, b"old")
    write_file(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]
    plain = tmp_path / "plain"
    plain.touch()
    assert path.stat().st_mode == plain.stat().st_mode


def test_an_output_that_cannot_be_written_is_a_named_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot write"):
        write_file(tmp_path / "no" / "folder", b"")
    (tmp_path / "taken").mkdir()
    with pytest.raises(OutputError, match="cannot write"):
        write_file(tmp_path / "taken", b"")
    assert [p.name for p in tmp_path.iterdir()] == ["taken"]


def test_a_link_stays_a_link_and_a_pipe_a_pipe(tmp_path: Path) -> None:
    target, link, pipe = tmp_path / "target", tmp_path / "link", tmp_path / "pipe"
    target.write_bytes(b"old")
    link.symlink_to(target)
    write_file(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_file(pipe, b"through")
    assert os.read(reader, 100) == b"through"
    os.close(reader)
    assert pipe.is_fifo()


def test_a_name_may_be_as_long_as_the_folder_allows(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 251 + ".lic")
    write_file(path, b"data")
    assert path.read_bytes() == b"data"
    with pytest.raises(OutputError, match=r"cannot write .*: File name too long"):
        write_file(tmp_path / ("n" * 252 + ".lic"), b"data")


def test_a_loop_of_links_and_a_link_to_nothing(tmp_path: Path) -> None:
    loop, dangling = tmp_path / "loop", tmp_path / "dangling"
    loop.symlink_to(loop)
    with pytest.raises(OutputError, match="cannot write"):
        write_file(loop, b"")
    dangling.symlink_to(tmp_path / "target")
    write_file(dangling, b"data")
    assert dangling.is_symlink()
    assert (tmp_path / "target").read_bytes() == b"data"


@pytest.mark.skipif(not Path("/dev/stdout").exists(), reason="needs /dev/stdout")
def test_a_link_to_the_standard_output_is_written_through_a_pipe(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to("/dev/stdout")
    script = (
        "import sys; from pathlib import Path; from lic.codec.output import write_file;"
        "write_file(Path(sys.argv[1]), b'through')"
    )
    command = [sys.executable, "-c", script, str(link)]
    assert subprocess.run(command, check=True, capture_output=True).stdout == b"through"
    assert list(tmp_path.iterdir()) == [link]


_WRITER = """
import sys
from pathlib import Path
from lic.codec.output import _temporary
with _temporary(Path(sys.argv[1])) as (path, file):
    file.write(b"part")
    file.flush()
    print(path, flush=True)
    sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="abandoned files stay there")
def test_what_a_killed_program_left_is_removed_but_not_what_is_being_written(
    tmp_path: Path,
) -> None:
    other = tmp_path / ".lic-other"
    other.touch()
    command = [sys.executable, "-c", _WRITER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout
        temporary = Path(os.fsdecode(writer.stdout.readline().strip()))
        assert temporary.parent == tmp_path
        remove_abandoned(tmp_path)
        assert temporary.read_bytes() == b"part"
        writer.kill()
        writer.wait()
        assert temporary.exists()
        remove_abandoned(tmp_path)
    assert list(tmp_path.iterdir()) == [other]
