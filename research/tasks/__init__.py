"""Tasks: losses, scores, and agreement under shifts.

A `Task` turns batches (dicts of arrays) and a network's outputs into numbers; nothing
else assumes what a label looks like.
Imports only `research.types`.
"""
