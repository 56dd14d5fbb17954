"""Data sets: from files or drawings, through arrays on disk, to splits and streams.

A builder names the origin of a data set; `store` keeps its examples as arrays, and
`source.load` cuts them into splits of named arrays. TFDS writes and reads published
data sets, without TensorFlow.
Imports `research.files`, `research.progress`, `research.cores` and `research.errors`.
"""
