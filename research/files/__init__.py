"""Files that are written whole or not at all, rows that a kill cannot lose, checksums.

A reader sees a file as it was or as it is to be, never a part of it. May be imported
from everywhere; imports only `research.errors`.
"""
