"""Times of operators by themselves, from the file of `scripts/benchmark.py pooling`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from research.claims.measure import Timed


def read_times(
    times: Mapping[str, Any] | None, measure: Timed, operators: Iterable[str]
) -> dict[str, list[float]]:
    """Returns operator → log2 of the seconds of each repeat.

    Args:
      times: what the benchmark wrote: `rows`, each with `case`, `subject` and `rounds`,
        the seconds of each; None: nothing.
      measure: which rows.
      operators: which of these.
    """
    case = f"{measure.window}×{measure.window} on {measure.size}×{measure.size}"
    wanted = {f"{one}, {measure.implementation}": one for one in operators}
    return {
        wanted[row["subject"]]: np.log2(row["rounds"]).tolist()
        for row in (times or {}).get("rows", ())
        if row["case"] == case and row["subject"] in wanted
    }
