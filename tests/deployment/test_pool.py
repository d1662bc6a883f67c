"""The threads of the decoder in WebAssembly, as a native program under ThreadSanitizer."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import ROOT, run


def test_threads_work_at_once_and_their_exceptions_come_back(tmp_path: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("the sanitizers are tested on Linux")
    if not shutil.which("c++"):
        pytest.skip("needs c++")
    sources = [ROOT / "deployment/web/pool.cpp", Path(__file__).with_name("check_pool.cpp")]
    flags = ["-std=c++20", "-Wall", "-Wextra", "-Werror", "-O1", "-g1", "-fsanitize=thread"]
    run("c++", *flags, "-DLIC_THREAD_POOL", *sources, "-o", tmp_path / "pool", "-pthread")
    done = subprocess.run([tmp_path / "pool"], capture_output=True, text=True, check=False)
    if "unexpected memory mapping" in done.stderr:
        pytest.skip("ThreadSanitizer does not know how this kernel lays out memory")
    assert done.returncode == 0, done.stderr
