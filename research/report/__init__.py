"""From rows to figures, tables and a page. Nothing here imports JAX.

Each takes the tables of `research.runs` and no network. Imports `research.runs`
(tables), `research.claims`, `research.stats`, `research.files`.
"""
