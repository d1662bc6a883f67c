"""From a trained float network to networks of integers.

`float_graph` describes a network as a graph of float layers, `deployable` does so for the default
family, `calibration` measures the ranges of its values, and `lowering` rounds it to a
`lic.integer_networks.Graph`.
"""
