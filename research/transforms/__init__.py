"""Pure, key-driven changes of images: shifts, distortions, scrambles, augmentation.

One argument per example, so that what an example goes through never depends on the
batch it stands in. Imports `research.nn.signal`, `research.types`, `research.errors`.
"""
