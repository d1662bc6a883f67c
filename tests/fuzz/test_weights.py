from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).with_name("fuzz_weights.py")


def test_damaged_weights_are_refused_or_code_as_the_definition_says() -> None:
    """In a process of its own, whose peak of memory no other test has raised."""
    command = [sys.executable, str(SCRIPT), "100", "--seed", "1", "--inputs", "200"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    counts = {name: int(count) for count, name in map(str.split, printed.splitlines())}
    # What does not say that it is of integers would be of floats, which need torch.
    assert counts.keys() - {"MissingPackageError"} == {"WeightsError", "coded"}
    assert sum(counts.values()) == 200
