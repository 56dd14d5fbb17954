"""The sentences of the famous answer, each with arms and a rule fixed before the run.

A file `c1` … `b8` declares one claim: its arms, its contrasts, its margin. From it the
points to train (`points`), the verdict (`judge`) and a fingerprint are derived. What
`a1` declares is run on accelerators, and shown beside the claims. Imports
`research.runs.identity`, `research.stats`, `research.errors`, and no JAX; only scripts
and reports import from here.
"""

from __future__ import annotations

import importlib
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def ids(letters: str = "cb") -> list[str]:
    """Returns `c1` … `c10`, `b1` … `b8`: the answer's sentences, then ours.

    Args:
      letters: which kinds; `a` is what accelerators run beside.
    """
    found = [path.stem for path in HERE.glob(f"[{letters}][0-9]*.py")]
    return sorted(found, key=lambda name: (letters.index(name[0]), int(name[1:])))


@cache
def load() -> dict[str, Any]:
    """Returns the `CLAIM` of every file, by id."""
    names = ids("cba")
    return {name: importlib.import_module(f"{__name__}.{name}").CLAIM for name in names}
