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
from typing import Any

import onnx

from lic.codec.errors import OutputError, WeightsError
from lic.codec.executors.integers import IntegerExecutor
from lic.codec.executors.known_answers import QUALITY, answers_after
from lic.codec.executors.onnx_model import IR_VERSION, OPSET
from lic.codec.manifest import InstalledWeights, find
from lic.codec.weights import resolve
from lic.export.codec import MANIFEST, ExportedCodec
from lic.export.exact import exact_models
from lic.export.fast import fast_models
from lic.integer_networks.codec_network import STEPS

ROLES = {
    "encoder": ("analysis", "targets", "hyper_analysis"),
    "decoder": ("corrector", "synthesis"),
    "both": ("side_tables", "hyper_synthesis", *(f"step{s}" for s in range(STEPS)), "place"),
}
"""Who needs which models."""
_HERE = Path(__file__).parent


def export(weights_id: str, folder: Path) -> None:
    """Write installed weights as ONNX models to a folder, which is complete or absent.

    They are checked: the exact ones must give the known answers here.

    Raises
    ------
    WeightsError
        If the id is unknown, is not of integers, or the models give other integers.
    OutputError
        If the folder is there and not empty, or cannot be written.
    """
    weights = find(weights_id)
    executor = _integers(weights)
    network = executor.network
    models = {"exact": exact_models(network)}
    for form in ("float32", "int8"):
        models[form] = fast_models(network, int8=form == "int8")
    answers = answers_after(executor.analyse, executor)
    with _new_folder(folder) as made:
        files = {}
        for form, parts in models.items():
            (made / form).mkdir()
            for name, model in parts.items():
                metadata = {
                    "lic.weights": weights.id,
                    "lic.weights.sha256": weights.entry.sha256,
                    "lic.form": form,
                    "lic.part": name,
                }
                proto = model.to_proto(f"{weights.id}.{name}", metadata)
                data = proto.SerializeToString(deterministic=True)
                (made / form / f"{name}.onnx").write_bytes(data)
                files[f"{form}/{name}.onnx"] = _described(proto, data, name)
        manifest = {
            "weights": {"id": weights.id, "sha256": weights.entry.sha256},
            "lic": version("lic"),
            "opset": OPSET,
            "ir_version": IR_VERSION,
            "latents": network.latents,
            "halo": network.halo,
            "files": files,
            "known_answers": {"quality": QUALITY, "crc32": answers},
        }
        (made / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")
        copyfile(_HERE / "decode.py", made / "decode.py")
        readme = (_HERE / "exported.md").read_text(encoding="utf-8")
        (made / "README.md").write_text(readme.replace("@ID@", weights.id), encoding="utf-8")
        _check(made, answers)


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
        raise WeightsError(f"ONNX Runtime computes other integers in {', '.join(wrong)}")


def _described(proto: onnx.ModelProto, data: bytes, name: str) -> dict[str, Any]:
    """What the manifest tells of a file."""
    return {
        "for": next(role for role, names in ROLES.items() if name in names),
        "sha256": hashlib.sha256(data).hexdigest(),
        "inputs": {value.name: _type(value) for value in proto.graph.input},
        "outputs": {value.name: _type(value) for value in proto.graph.output},
    }


def _type(value: onnx.ValueInfoProto) -> dict[str, Any]:
    tensor = value.type.tensor_type
    dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type).name
    shape = [axis.dim_param or axis.dim_value or None for axis in tensor.shape.dim]
    return {"type": dtype, "shape": shape}


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
