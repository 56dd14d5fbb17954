"""The sentences of the famous answer, each with a rule fixed before the run."""

from __future__ import annotations

import hashlib
import importlib
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def ids() -> list[str]:
    """Returns `c1` … `c10`, `b1` … `b6`: the answer's sentences, then ours."""
    found = [path.stem for path in HERE.glob("[bc][0-9]*.py")]
    return sorted(found, key=lambda name: (name[0] != "c", int(name[1:])))


def rules() -> dict[str, str]:
    """Returns the SHA-256 of every claim's file, of `rule.py` and `claim.py`.

    A run keeps them in its provenance: a rule was fixed before the runs that name it.
    """
    return {
        name: hashlib.sha256((HERE / f"{name}.py").read_bytes()).hexdigest()
        for name in [*ids(), "rule", "claim"]
    }


def load() -> dict[str, Any]:
    """Returns the `CLAIM` of every claim's file, by id."""
    return {name: importlib.import_module(f"{__name__}.{name}").CLAIM for name in ids()}
