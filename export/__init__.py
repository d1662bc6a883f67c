"""Deployed models: the networks of a codec of integers as files for other runtimes and languages.

========================  ==================================================================
`parts`                   which parts there are, what each takes and gives
`exact`                   all of them as ONNX, with the integers that files are made of
`fast`                    the transforms as ONNX in float32, or with 8 bits for TensorRT
`onnx_target`             these models as files
`torch_target`            all parts as programs of torch.export, with the same integers
`folder`                  a folder of either, how to use it, and known answers
`codec`                   such a folder as an executor of `lic.codec`
`decode`                  a decoder that needs no more than such a folder; a copy is in each
========================  ==================================================================

`lic.codec.executors.onnx_model` and `torch_model` have the layers. A folder's README.md is made of
onnx.md or torch.md, and of exported.md.
"""

TARGETS = ("onnx", "torch")
"""Names of formats."""
