"""Layers and pure operations on maps, of which networks and downsamplers are made.

Everything takes and returns NHWC maps and knows nothing of data, training or results.
Imports `research.types`, `research.errors`, JAX and Flax.
"""
