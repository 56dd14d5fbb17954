"""Files that are written whole or not at all, rows that a kill cannot lose, checksums.

A reader sees either the old file or the new one, never a part. May be imported
from everywhere; imports only `research.errors`.
"""
