"""How fast this code is, against PyTorch and plain XLA, interleaved in one run.

Each benchmark yields rows that `report` prints and saves; only `scripts/benchmark.py`
runs them. Imports `research.config`, `research.training`, `research.evals`,
`research.models`, `research.distributed`, `research.nn`, `research.files`,
`research.progress`.
"""
