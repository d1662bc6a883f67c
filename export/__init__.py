"""Deployed models: the networks of a codec of integers as ONNX files, for runtimes of any language.

========================  ==================================================================
`exact`                   all parts, with the integers that files and pixels are made of
`fast`                    the transforms in float32, or with 8 bits for TensorRT
`folder`                  a folder with both, how to use them, and known answers
`codec`                   such a folder as an executor of `lic.codec`
`decode`                  a decoder that needs no more than such a folder; a copy is in each
========================  ==================================================================

`lic.codec.executors.onnx_model` has the layers of `exact`. exported.md, which becomes a folder's
README.md, tells what is in it and how to use it.
"""
