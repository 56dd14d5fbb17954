"""Training: one step, the loop around it, its batches, optimisers and checkpoints.

It receives network, task and optimiser as arguments and knows no model and no
evaluator.
Imports `research.data`, `research.tasks`, `research.jobs`, `research.distributed`,
`research.files`, `research.nn`, `research.errors`.
"""
