"""Evaluators: frozen dataclasses that yield measurements, which the caller writes.

They take any network, `images → outputs`, know perturbations, metrics, the task and the
chain of stages, and no model. Each has a file in `conf/eval/`; what several need is in
`research.evals.engine`. An evaluator refuses what it cannot measure before anything is
trained: in `__post_init__` and in `check` (`research.evals.evaluator.Evaluator`).
Imports `research.models.network`, `research.downsample`, `research.data`,
`research.tasks`, `research.transforms`, `research.distributed`, `research.nn`,
`research.stats`, `research.progress`.
"""
