"""Fast convolutions on the CPU backend, and only there.

On any other backend everything here is a plain XLA convolution. Imports
`research.types` and `research.errors`.
"""
