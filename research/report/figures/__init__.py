"""Figures from rows: each module has `draw(results, **options) -> Figure`.

`results` is a `research.report.results.Results`. Where the rows for a figure are
missing, `draw` raises a `UserError` that says what to measure.
"""
