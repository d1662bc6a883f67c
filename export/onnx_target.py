"""A codec as files of ONNX models, in all forms."""

from __future__ import annotations

from collections.abc import Iterator

from lic.codec.executors.onnx_model import IR_VERSION, OPSET
from lic.export.exact import exact_models
from lic.export.fast import fast_models
from lic.export.parts import Target
from lic.integer_networks.codec_network import CodecNetwork


def _files(
    network: CodecNetwork, weights_id: str, metadata: dict[str, str]
) -> Iterator[tuple[str, str, bytes]]:
    forms = {"exact": exact_models(network)}
    for form in ("float32", "int8"):
        forms[form] = fast_models(network, int8=form == "int8")
    for form, models in forms.items():
        for name, model in models.items():
            own = metadata | {"lic.form": form, "lic.part": name}
            proto = model.to_proto(f"{weights_id}.{name}", own)
            yield form, name, proto.SerializeToString(deterministic=True)


ONNX = Target("onnx", {"opset": OPSET, "ir_version": IR_VERSION}, _files)
