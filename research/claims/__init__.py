"""The sentences of the famous answer, each with arms and a rule fixed before the run.

A file `c1` … `b6` declares one claim: its arms, its contrasts, its margin. From it the
points to train (`points`), the verdict (`judge`) and a fingerprint are derived. Imports
`research.runs.identity`, `research.stats`, `research.errors`, and no JAX; only scripts
and reports import from here.
"""

from __future__ import annotations

import importlib
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def ids() -> list[str]:
    """Returns `c1` … `c10`, `b1` … `b6`: the answer's sentences, then ours."""
    found = [path.stem for path in HERE.glob("[bc][0-9]*.py")]
    return sorted(found, key=lambda name: (name[0] != "c", int(name[1:])))


@cache
def load() -> dict[str, Any]:
    """Returns the `CLAIM` of every claim's file, by id."""
    return {name: importlib.import_module(f"{__name__}.{name}").CLAIM for name in ids()}
