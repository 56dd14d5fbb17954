"""Scripts that run in another Python environment, with nothing there but NumPy and TF.

They import nothing of `research`, whose packages that environment lacks.
"""
