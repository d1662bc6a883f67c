"""From a trained float network to networks of integers.

`float_graph` describes a network as a graph of float layers, `deployable` does so for the default
family, `calibration` measures the ranges of its values, and `quantized_codec` is the network that
computes as integers do: `aware_training` trains it, and `lowering` makes a
`lic.integer_networks.Graph` of each part. `search` finds operations and bits, and `packing` does it
all for `lic quantize`.
"""
