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
      times: what the benchmark wrote: `lines`, each with `implementation`, `operator`,
        `window`, `size` and `seconds`; None: nothing.
      measure: which lines.
      operators: which of these.
    """
    found = {}
    for line in (times or {}).get("lines", ()):
        same = all(
            line[name] == getattr(measure, name)
            for name in ("implementation", "window", "size")
        )
        if same and line["operator"] in operators:
            found[line["operator"]] = np.log2(line["seconds"]).tolist()
    return found
