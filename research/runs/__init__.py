"""A run: its identity, folder, rows, tables and provenance.

`read_runs`, `read_rows`, `read_metrics` and `read_predictions` read folders and packed
stores alike, without JAX; `research.runs.run` trains and measures. Only `scripts` and
reports import from here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from research.runs.predictions import read_predictions
    from research.runs.tables import read_metrics, read_rows, read_runs

__all__ = ["read_metrics", "read_predictions", "read_rows", "read_runs"]


def __getattr__(name: str) -> Any:
    """Imports a reader when it is asked for: a training needs no pandas."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from research.runs import predictions, tables

    return getattr(predictions if name == "read_predictions" else tables, name)
