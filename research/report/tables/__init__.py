"""Tables as data: one line per arm, network or claim, and their written forms.

A table is a DataFrame whose `attrs["caption"]` says how to read it. Imports
`research.report.figures.arms`, `research.claims`, `research.files`.
"""
