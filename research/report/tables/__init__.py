"""Tables as data: each module has `tabulate(results, **options) -> DataFrame`.

A table's `attrs["caption"]` says how to read it; `forms` writes it down. Imports
`research.report.results`, `research.report.estimates`, `research.files`.
"""
