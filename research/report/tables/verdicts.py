"""The table of verdicts: a line for each claim."""

from __future__ import annotations

import pandas as pd

from research.claims.verdict import Verdict
from research.report.formats import format_interval
from research.report.results import Results

COLUMNS = [
    *("id", "sentence", "verdict", "effect", "low", "high", "margin", "unit"),
    *("interval", "n", "p", "adjusted", "cases"),
    *("contrast", "remarks", "fingerprint", "command"),
]
CAPTION = (
    "Supported: the 95 % interval of the primary contrast lies above the margin, and p "
    "survives Holm's rule over the {claims} claims. Refuted: it lies below. Depends: "
    "the named cases decide differently. A negative margin: the sentence says no worse "
    "than by so much. p: of no effect, of one at the margin where that is negative, "
    "the largest over the cases. Only a support can be taken back by it: intervals, "
    "refutations and the cases of what depends are not corrected for their number."
)


def tabulate(results: Results) -> pd.DataFrame:
    """Returns a line per claim.

    Args:
      results: with runs of the experiments.

    Returns:
      `id`, `sentence`, `verdict`, `effect`, `low`, `high`, `margin`, `unit`,
      `interval`, `n` seeds, `p`, `adjusted`, `cases`, `contrast`, `remarks`,
      `fingerprint`, `command`; None where unknown. `attrs["caption"]` says how to read
      it, and `attrs["text"]` is what people read.

    Raises:
      UserError: there are no runs of the experiments.
    """
    found = results.verdicts
    lines = [{name: getattr(one, name) for name in COLUMNS} for one in found]
    table = pd.DataFrame(lines, columns=COLUMNS)
    table["cases"] = [format_effects(one) for one in found]
    table["remarks"] = [" ".join(one.remarks) for one in found]
    table.attrs["caption"] = CAPTION.format(claims=len(found))
    table.attrs["text"] = pd.DataFrame([format_verdict(one) for one in found])
    return table


def format_verdict(one: Verdict) -> dict[str, str]:
    """Returns a line as people read it, all of it text."""
    return {
        "": one.id,
        "sentence": one.sentence,
        "verdict": one.verdict,
        "effect [95 %]": format_effects(one),
        "margin": f"{one.margin:g} {one.unit}".replace("-", "−"),
        "over": "; ".join(
            dict.fromkeys(case.interval.removeprefix("paired ") for case in one.cases)
        ),
        "p, Holm": "–" if one.adjusted is None else f"{one.adjusted:.2g}",
    }


def format_effects(one: Verdict) -> str:
    """Returns `flatten 4.45; global pooling 0.00`: the effect in each case."""
    return "; ".join(
        f"{case.name} {format_interval(case.effect, case.low, case.high)}".lstrip()
        for case in one.cases
    )
