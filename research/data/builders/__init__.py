"""One data set a file: what builds it from published files, or draws it.

A builder yields examples split by split; `research.data` keeps and reads them. Imports
`research.data` and `research.errors`.
"""
