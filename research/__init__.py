"""Translation-invariance experiments: images → stages → readout → rows → figures.

Each package is a room with one subject; its docstring says what it holds and imports.
`tests/test_imports.py` holds the order of the rooms.
"""
