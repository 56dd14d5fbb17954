"""Devices and processes: meshes, placement, and what several hosts agree on.

One device and one process are the special case in which nothing here does anything.
Imports `research.errors`, `research.files`, `research.progress`, `research.cores`,
`research.nn.cpu`.
"""
