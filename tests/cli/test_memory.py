from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from lic.cli.main import main
from lic.cli.memory import is_out_of_memory

FILE = Path(__file__).parents[1] / "data" / "small-3-q10.lic"
torch = pytest.importorskip("torch", reason="needs the extra torch")


def test_failed_allocations_of_torch_and_of_python_are_told_from_other_errors() -> None:
    with pytest.raises(RuntimeError) as failed:
        torch.empty(2**60, dtype=torch.uint8)
    assert is_out_of_memory(failed.value)
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert is_out_of_memory(MemoryError())
    for other in (RuntimeError("cannot allocate memory for a thread"), ValueError(), OSError()):
        assert not is_out_of_memory(other)


def test_a_command_without_enough_memory_ends_with_one_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def greedy(data: bytes, max_pixels: int) -> None:
        torch.empty(2**60, dtype=torch.uint8)

    shutil.copy(FILE, tmp_path / "a.lic")
    monkeypatch.setattr("lic.cli.main.read_container", greedy)
    result = CliRunner().invoke(main, ["info", str(tmp_path / "a.lic")])
    assert result.exit_code == 1
    assert result.output == "lic: not enough memory\n"


def test_an_error_of_the_program_itself_is_not_hidden(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken(data: bytes, max_pixels: int) -> None:
        raise RuntimeError("a mistake")

    shutil.copy(FILE, tmp_path / "a.lic")
    monkeypatch.setattr("lic.cli.main.read_container", broken)
    result = CliRunner().invoke(main, ["info", str(tmp_path / "a.lic")])
    assert isinstance(result.exception, RuntimeError)
