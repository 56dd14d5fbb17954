"""Networks: chains of stages and a readout, downsampling and padding injected.

One file per family; each factory takes shape, classes, `downsample` and `head`, and
returns a `network.Network`. Imports `research.downsample`, `research.tasks`,
`research.nn`, `research.types`, `research.errors`; no data, training or evaluator.
"""
