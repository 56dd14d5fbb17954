"""A run: its identity, folder, rows, tables and provenance.

`read_runs`, `read_rows`, `read_metrics` and `read_predictions` read folders and packed
stores alike, without JAX; `research.runs.run` trains and measures. Only `scripts` and
reports import from here.
"""
