"""Loggers: where the curves of a training are shown, beside its `metrics.jsonl`.

Each file is one logger: a class that keeps numbers and pictures by step, opened for a
run folder. They know no training; `research.runs.curves` says what is logged and when.
Imports `research.files`, `research.errors`.
"""
