"""What blur or adaptive sampling does to somebody else's network, without training.

Every max pooling and strided convolution of a PyTorch network is computed at stride 1,
with its own weights, and then filtered and sampled by a downsampler of ours.
`replacement` says by which, `swapping` does it while the network runs.
Imports `research.adapters.engine`, `research.downsample`, `research.nn`,
`research.types`, `research.errors`.
"""
