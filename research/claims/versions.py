"""Versions of how a claim is decided; they are part of every claim's fingerprint.

Raise one when the same rows give other numbers, so that verdicts from before and after
can be told apart; not for a new text, name or place in the code.
"""

ESTIMATOR = "2"  # from rows to effects, intervals and p: `estimate`, `research.stats`
JUDGEMENT = "2"  # which estimates count, and what p is of: `judge`
RULE = "2"  # from an interval to a word: `rule`
TUNING = "1"  # which learning rate an arm is given: `tuning`
