from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).with_name("fuzz_files.py")


def test_damaged_files_whose_checksums_fit_end_in_a_named_error() -> None:
    """In a process of its own, whose peak of memory no other test has raised."""
    command = [sys.executable, str(SCRIPT), "100", "--seed", "1", "--inputs", "300"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    counts = {name: int(count) for count, name in map(str.split, printed.splitlines())}
    assert sum(counts.values()) == 300
    assert {"CorruptFileError", "TruncatedFileError", "LimitError"} <= counts.keys()
