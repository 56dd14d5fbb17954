"""Versions of how a claim is decided; they are part of every claim's fingerprint.

Raise one when numbers come out otherwise for the same rows, and not for the sake of a
text, a name or a place in the code: verdicts of before and after then tell themselves
apart.
"""

ESTIMATOR = "1"  # from rows to effects, intervals and p: `estimate`, `research.stats`
JUDGEMENT = "1"  # which estimates count, and what p is of: `judge`
RULE = "1"  # from an interval to a word: `rule`
