from __future__ import annotations

import subprocess
import sys

import pytest

# The installed program, which is sent a signal when it loads a module.
_PROGRAM = """
import os, signal, sys
from importlib.metadata import entry_points

module, handler = sys.argv[1:3]
del sys.argv[1:3]

class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == module:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupt())
signal.signal(signal.SIGINT, getattr(signal, handler))
[script] = entry_points(group="console_scripts", name="lic")
script.load()()
"""


def interrupted(module: str, handler: str) -> tuple[int, str]:
    """The exit code and the messages of `lic info`, interrupted while a module is loaded."""
    command = [sys.executable, "-c", _PROGRAM, module, handler, "info", "nothing.lic"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return ended.returncode, ended.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other signals")
@pytest.mark.parametrize("module", ["click", "lic.cli.coding", "lic.codec.info"])
def test_ctrl_c_is_one_line_whatever_is_being_loaded(module: str) -> None:
    assert interrupted(module, "default_int_handler") == (130, "lic: interrupted\n")
    assert interrupted(module, "SIG_IGN") == (3, "lic: there is no file nothing.lic\n")
