"""Pure, key-driven changes of images: shifts, distortions, scrambles, augmentation.

Each example has an argument of its own, so that its change never depends on the batch.
Imports `research.nn.signal`, `research.types`, `research.errors`.
"""
