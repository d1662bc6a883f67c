from __future__ import annotations

import doctest
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import lic

ROOT = Path(__file__).parents[2]
MODULES = ("lic", "lic.codec", "lic.codec.streams", "lic.entropy_coding", "lic.pillow")


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_the_documentation_hold(name: str) -> None:
    module = importlib.import_module(name)
    result = doctest.testmod(module, optionflags=doctest.ELLIPSIS)
    assert result.attempted > 3
    assert result.failed == 0


def test_the_examples_of_the_readme_run(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert blocks
    (tmp_path / "photo.png").write_bytes((ROOT / "tests/data/budgie.png").read_bytes())
    for block in blocks:
        subprocess.run([sys.executable, "-c", block], check=True, cwd=tmp_path)


def test_importing_lic_loads_nothing_else() -> None:
    check = "import sys, lic; print({'numpy', 'PIL', 'lic.codec'} & set(sys.modules))"
    printed = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True)
    assert printed.stdout == "set()\n"


def test_every_name_is_there_and_no_other() -> None:
    for name in lic.__all__:
        assert name in dir(lic)
        assert getattr(lic, name)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        lic.nothing  # noqa: B018
