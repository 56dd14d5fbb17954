"""Rows → pictures and tables. A figure is `draw(runs, rows, metrics, **options)`.

Everything is made from the tables of `research.runs` alone, on any machine; nothing
here imports JAX, and nothing here knows where the tables come from.
"""
