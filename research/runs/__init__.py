"""A run: its identity, folder, rows, tables and provenance.

`read_runs`, `read_rows`, `read_metrics` and `read_predictions` read folders and packed
stores alike, without JAX; `research.runs.run` trains and measures. Only `scripts` and
reports import from here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from research.runs.tables import (
        read_metrics,
        read_predictions,
        read_rows,
        read_runs,
    )

__all__ = ["read_metrics", "read_predictions", "read_rows", "read_runs"]


def __getattr__(name: str) -> Any:
    """Imports the readers when they are asked for: trainings need no pandas."""
    if name in __all__:
        from research.runs import tables

        return getattr(tables, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
