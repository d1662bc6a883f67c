"""Writes a folder of exported models: the files, what they are, and how to use them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from shutil import copyfile, rmtree

from lic.codec.errors import OutputError, WeightsError, extra
from lic.codec.executors.integers import IntegerExecutor
from lic.codec.executors.known_answers import QUALITY, answers_after
from lic.codec.manifest import InstalledWeights, find
from lic.codec.weights import resolve
from lic.export import TARGETS
from lic.export.codec import MANIFEST, ExportedCodec
from lic.export.parts import Target, signatures

_HERE = Path(__file__).parent


def export(weights_id: str, folder: Path, target: str = TARGETS[0]) -> None:
    """Write installed weights as models of a target to a folder, which is complete or absent.

    They are checked: the exact ones must give the known answers here.

    Raises
    ------
    MissingPackageError
        If what the target needs is not installed.
    WeightsError
        If the id is unknown, is not of integers, or the models give other integers.
    OutputError
        If the folder is there and not empty, or cannot be written.
    """
    chosen = _target(target)
    weights = find(weights_id)
    executor = _integers(weights)
    network = executor.network
    described = {name: signature.described() for name, signature in signatures(network).items()}
    metadata = {"lic.weights": weights.id, "lic.weights.sha256": weights.entry.sha256}
    answers = answers_after(executor.analyse, executor)
    with _new_folder(folder) as made:
        files = {}
        for form, name, data in chosen.files(network, weights.id, metadata):
            file = f"{form}/{name}.{chosen.suffix}"
            (made / form).mkdir(exist_ok=True)
            (made / file).write_bytes(data)
            files[file] = {"sha256": hashlib.sha256(data).hexdigest(), **described[name]}
        manifest = {
            "weights": {"id": weights.id, "sha256": weights.entry.sha256},
            "lic": version("lic"),
            "target": target,
            **chosen.versions,
            "latents": network.latents,
            "halo": network.halo,
            "files": files,
            "known_answers": {"quality": QUALITY, "crc32": answers},
        }
        (made / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")
        copyfile(_HERE / "decode.py", made / "decode.py")
        readme = "".join(
            (_HERE / name).read_text(encoding="utf-8") for name in (f"{target}.md", "exported.md")
        )
        (made / "README.md").write_text(readme.replace("@ID@", weights.id), encoding="utf-8")
        _check(made, answers)


def _target(name: str) -> Target:
    if name == "torch":
        with extra("torch", "torch"):
            from lic.export.torch_target import TORCH
        return TORCH
    with extra("onnx", "onnx"), extra("onnxruntime", "onnx"):
        import onnxruntime  # noqa: F401 - for the check

        from lic.export.onnx_target import ONNX
    return ONNX


def _integers(weights: InstalledWeights) -> IntegerExecutor:
    if weights.entry.kind == "integer":
        executor = resolve(weights.id).executor
        if isinstance(executor, IntegerExecutor):
            return executor
    raise WeightsError(
        f"weights {weights.id!r} are of floats, and only those of integers can be exported: "
        "lic quantize makes them"
    )


def _check(folder: Path, answers: dict[str, int]) -> None:
    """Raise WeightsError if the exact models of a folder do not give the known answers."""
    exported = ExportedCodec(folder)
    found = answers_after(exported.analyse, exported)
    wrong = [part for part, value in answers.items() if found[part] != value]
    if wrong:
        raise WeightsError(f"the exported models compute other integers in {', '.join(wrong)}")


@contextmanager
def _new_folder(folder: Path) -> Iterator[Path]:
    """A folder to fill, which becomes ``folder`` unless an error is raised; raises OutputError."""
    made = folder.parent / f".lic-{os.urandom(8).hex()}.tmp"
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise OutputError(f"{folder} is there already, and is no empty folder")
        folder.parent.mkdir(parents=True, exist_ok=True)
        made.mkdir()
        yield made
        if folder.exists():
            folder.rmdir()
        made.rename(folder)
    except OSError as error:
        raise OutputError(f"cannot write the folder {folder}: {error.strerror}") from error
    finally:
        rmtree(made, ignore_errors=True)
