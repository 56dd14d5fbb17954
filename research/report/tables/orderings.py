"""The table of published orderings: what was published, and what came out here."""

from __future__ import annotations

import pandas as pd

from research.claims.b6 import PUBLISHED
from research.report.formats import MISSING, format_interval
from research.report.results import Results

CAPTION = (
    "Ours: a fifth of CIFAR-10's images and a few per cent of the published epochs, "
    "95 % over seeds, not corrected for their number. Nothing is decided by it."
)


def tabulate(results: Results) -> pd.DataFrame:
    """Returns a line per difference that publications report.

    Args:
      results: with runs of the experiments.

    Returns:
      `ordering`, `published`, `effect`, `low`, `high`, `unit`, `n` seeds; None where
      there are no runs.

    Raises:
      UserError: there are no runs of the experiments.
    """
    (found,) = (one for one in results.verdicts if one.id == "B6")
    lines = [
        {
            "ordering": one["contrast"],
            "published": PUBLISHED.get(one["contrast"], MISSING),
            **{name: one[name] for name in ("effect", "low", "high", "unit", "n")},
        }
        for one in found.details
    ]
    table = pd.DataFrame(lines)
    table.attrs["caption"] = CAPTION
    table.attrs["text"] = pd.DataFrame(
        {
            "ordering": one["ordering"],
            "published": one["published"],
            "ours": format_interval(one["effect"], one["low"], one["high"]),
            "unit": one["unit"],
            "seeds": str(one["n"]),
        }
        for one in lines
    )
    return table
