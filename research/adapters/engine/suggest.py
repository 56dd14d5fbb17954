"""Names that are there, for an error about one that is not."""

from __future__ import annotations

import difflib
from collections.abc import Sequence


def suggest(name: str, known: Sequence[str]) -> str:
    """Returns the nearest of the names that there are, or the first of them."""
    if near := difflib.get_close_matches(name, known, n=3, cutoff=0.5):
        return f"nearest: {', '.join(near)}"
    more = f" and {len(known) - 5} more" if known[5:] else ""
    return f"there are {', '.join(known[:5])}{more}" if known else "there is none"
