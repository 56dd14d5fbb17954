"""Layers and pure operations on maps: what networks and downsamplers are made of.

Everything takes and returns NHWC maps and knows nothing of data, training or results.
Imports `research.types`, `research.errors` and JAX.
"""
