"""How an outcome becomes a word; fixed before the runs (`versions.RULE`).

`research.stats.three_way` compares an interval with the ends of a margin; a rule says
where these ends are and what each outcome says of the sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from research.claims.verdict import NO_DIFFERENCE, REFUTED, SUPPORTED, UNDETERMINED
from research.stats import (
    Combined,
    ThreeWay,
    combine_any,
    combine_cases,
    combine_every,
)


@dataclass(frozen=True)
class Rule:
    """What decides.

    Attributes:
      name: of the rule.
      ends: margin → (low, high), what the interval is compared with.
      words: outcome → what it says of the sentence; others leave it undetermined.
      text: in words, with `{margin}` in its place.
      combine: what several cases say together.
    """

    name: str
    ends: Callable[[float], tuple[float, float]]
    words: Mapping[str, str]
    text: str
    combine: Callable[[Sequence[ThreeWay]], Combined] = combine_cases

    def word(self, outcome: str) -> str:
        """Returns what an outcome says of the sentence."""
        return self.words.get(outcome, UNDETERMINED)


BOTH_SIDES = {
    "superior": SUPPORTED,
    "inferior": REFUTED,
    "equivalent": NO_DIFFERENCE,
}
DIFFERENCE = Rule(
    "difference",
    lambda margin: (-margin, margin),
    BOTH_SIDES,
    "supported if the interval lies above {margin}, refuted if it lies below "
    "−{margin}, no difference if it lies between",
)
SAME = Rule(
    "no difference",
    lambda margin: (-margin, margin),
    {"equivalent": SUPPORTED, "superior": REFUTED, "inferior": REFUTED},
    "supported if the interval lies between −{margin} and {margin}, refuted if it lies "
    "beyond either",
)
EVERY = Rule(
    "every",
    lambda margin: (-margin, margin),
    {"equivalent": SUPPORTED}
    | dict.fromkeys(("superior", "inferior"), REFUTED)
    | {"different": REFUTED},
    "supported if the interval of every case lies between −{margin} and {margin}, "
    "refuted if one lies beyond either, corrected for the number of cases",
    combine_any,
)
MOST = Rule(
    "most",
    lambda margin: (-margin, margin),
    {"superior": SUPPORTED, "inferior": REFUTED},
    "supported if the interval of every case lies above {margin}, refuted if one lies "
    "below −{margin}, corrected for the number of cases",
    combine_every,
)
NO_WORSE = Rule(
    "no worse",
    lambda margin: (-margin, -margin),
    {"superior": SUPPORTED, "inferior": REFUTED},
    "supported if the interval lies above −{margin}, refuted if it lies below",
)
MORE_THAN = Rule(
    "more than",
    lambda margin: (margin, margin),
    {"superior": SUPPORTED, "inferior": REFUTED},
    "supported if the interval lies above {margin}, refuted if it lies below",
)
LESS_THAN = Rule(
    "less than",
    lambda margin: (margin, margin),
    {"inferior": SUPPORTED, "superior": REFUTED},
    "supported if the interval lies below {margin}, refuted if it lies above",
)
