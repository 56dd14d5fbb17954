"""From rows to figures, tables and a page. Nothing here imports JAX.

All take one `results.Results`, the tables of `research.runs`, and no network. Imports
`research.runs` (rows, tables, identity), `research.claims`, `research.stats`,
`research.files`.
"""
