"""One data set a file: what builds it from published files, or draws it.

A builder turns a `research.data.origin.Spec` into an `Origin`, without touching a file:
that happens when the data set is prepared. Imports `research.data` and
`research.errors`.
"""
