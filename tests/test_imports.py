"""Which folder may import which: the table of the design, checked in the source itself.

An import inside a function counts as one at the top. Imports for type checkers alone do not count.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

MAY_IMPORT = {
    "entropy_coding": set(),
    "integer_networks": set(),
    "residual_coding": set(),
    "codec": {"entropy_coding", "integer_networks", "residual_coding", "weights"},
    "models": {"entropy_coding"},
    "training": {"models", "codec"},
    "quantization": {
        "entropy_coding",  # the units of the coder's grid, to which heads are lowered
        "models",
        "training",
        "integer_networks",
        "codec",
        "evaluation",
    },
    "evaluation": {"codec"},
    "export": {"codec", "entropy_coding", "integer_networks", "residual_coding"},
}
"""Folders that are not here may import all others; `src/lic` is the top of the package itself."""
NUMPY_ALONE = ("entropy_coding", "integer_networks", "residual_coding")
WITHOUT_TORCH = (*NUMPY_ALONE, "codec", "export")
ON_DEMAND = (
    "lic.codec.annealing",
    "lic.codec.gradients",
    "lic.codec.executors.onnx_graph",
    "lic.codec.executors.onnx_model",
    "lic.codec.executors.relaxed",
    "lic.codec.executors.torch",
    "lic.codec.executors.torch_graph",
    "lic.codec.executors.torch_model",
)
"""Modules of the codec that need torch or ONNX: its others import them inside functions."""
MAY_ALSO_IMPORT = {
    "codec/annealing.py": {"models", "torch"},
    "codec/gradients.py": {"models", "torch"},
    "codec/executors/relaxed.py": {"models", "torch"},
    "codec/executors/torch.py": {"models", "torch"},
    "codec/executors/torch_graph.py": {"torch"},
    "codec/executors/torch_model.py": {"torch"},
    "codec/weights.py": {"models"},  # loads float networks, inside a function
    "evaluation/compressai_bridge.py": {"models"},
    "export/decode.py": {"torch"},  # for folders of its programs, inside a function
    "export/torch_target.py": {"torch"},
}


def imported(source: str, package: str) -> Iterator[tuple[str, bool]]:
    """Absolute names of imported modules, and whether they are imported at the top."""

    def visit(node: ast.AST, top: bool) -> Iterator[tuple[str, bool]]:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            return
        if isinstance(node, ast.Import):
            yield from ((alias.name, top) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            outer = package.split(".")[: 1 - node.level or None] if node.level else []
            module = ".".join([*outer, *filter(None, [node.module])])
            # `from lic.codec import annealing` may import a module.
            yield from ((f"{module}.{alias.name}", top) for alias in node.names)
        inside = top and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for child in ast.iter_child_nodes(node):
            yield from visit(child, inside)

    yield from visit(ast.parse(source), True)


def violations(folder: str, file: str, source: str) -> set[str]:
    """What a file of a folder imports against the table."""
    package = ".".join(("lic", *Path(file).parent.parts))
    allowed = MAY_IMPORT.get(folder)
    also = MAY_ALSO_IMPORT.get(file, set())
    here = ".".join(("lic", *Path(file).with_suffix("").parts))
    found = set()
    for name, top in imported(source, package):
        first, *rest = name.split(".")
        if first == "lic":
            other = rest[0]
            if allowed is not None and other not in {folder, *allowed, *also}:
                found.add(other)
            module = next((m for m in ON_DEMAND if f"{name}.".startswith(f"{m}.")), None)
            if folder == "codec" and top and module is not None and here not in ON_DEMAND:
                found.add(module)
        elif "torch" in name.split(".")[:2] and folder in WITHOUT_TORCH and "torch" not in also:
            found.add("torch" if first == "torch" else f"{first}.torch")
        elif folder in NUMPY_ALONE and first != "numpy" and first not in sys.stdlib_module_names:
            found.add(first)
    return found


@pytest.mark.parametrize("folder", [*MAY_IMPORT, "cli"])
def test_a_folder_imports_what_the_table_allows(folder: str) -> None:
    found = {}
    for path in sorted((ROOT / folder).rglob("*.py")):
        file = path.relative_to(ROOT).as_posix()
        if against := violations(folder, file, path.read_text(encoding="utf-8")):
            found[file] = against
    assert not found


def test_the_two_families_of_networks_do_not_import_each_other() -> None:
    for family, other in (("mlic", "deployable"), ("deployable", "mlic")):
        for path in (ROOT / "models" / family).rglob("*.py"):
            names = [name for name, _ in imported(path.read_text(), f"lic.models.{family}")]
            assert not [name for name in names if name.startswith(f"lic.models.{other}")], path


def test_what_all_networks_share_imports_no_family() -> None:
    for path in (ROOT / "models").glob("*.py"):
        if path.name != "__init__.py":  # it registers the families
            names = [name for name, _ in imported(path.read_text(), "lic.models")]
            assert not [n for n in names if n.startswith(("lic.models.mlic", "lic.models.deploy"))]


@pytest.mark.parametrize(
    ("file", "source", "expected"),
    [
        ("codec/a.py", "from lic.models.base import CodecModel", {"models"}),
        ("codec/a.py", "def f():\n    import lic.models", {"models"}),
        ("codec/a.py", "from lic import training", {"training"}),
        ("codec/a.py", "import torch.nn", {"torch"}),
        ("codec/a.py", "from lic.codec import annealing", {"lic.codec.annealing"}),
        ("codec/a.py", "from . import annealing", {"lic.codec.annealing"}),
        ("codec/a.py", "def f():\n    from lic.codec.annealing import anneal", set()),
        ("codec/a.py", "if TYPE_CHECKING:\n    from torch import Tensor", set()),
        ("codec/executors/onnx_graph.py", "from lic.codec.executors import onnx_model", set()),
        (
            "codec/executors/integers.py",
            "from . import onnx_model",
            {"lic.codec.executors.onnx_model"},
        ),
        ("codec/annealing.py", "import torch\nfrom lic.models import base", set()),
        ("codec/executors/a.py", "from ..annealing import anneal", {"lic.codec.annealing"}),
        ("entropy_coding/a.py", "import numpy as np\nimport math\nfrom . import b", set()),
        ("entropy_coding/a.py", "import scipy.special", {"scipy"}),
        ("evaluation/a.py", "from lic.training.state import HistoryRow", {"training"}),
        ("evaluation/compressai_bridge.py", "from lic.models import PRESETS", set()),
        ("cli/a.py", "from lic.training import run\nimport torch", set()),
    ],
)
def test_the_check_sees_every_way_to_import(file: str, source: str, expected: set[str]) -> None:
    assert violations(file.split("/")[0], file, source) == expected
