"""What a reader must know before believing a verdict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from research.claims.claim import Claim
from research.claims.estimate import EXACT, Estimate
from research.claims.pool import Pool

TRAINED_ON = ("data.name", "data.train_examples", "train.epochs")


def remarks(
    name: str,
    claim: Claim,
    levels: Mapping[str, Estimate],
    decisions: Mapping[str, str],
    pool: Pool,
    command: str,
) -> Iterator[str]:
    """Yields sentences about one verdict.

    Args:
      name: of the claim.
      claim: that was judged.
      levels: level → its estimate.
      decisions: level → what its interval says.
      pool: the runs.
      command: what makes those of the claim.
    """
    if len(levels) > 1:
        yield "; ".join(f"{level}: {one}" for level, one in decisions.items()) + "."
    missing = {arm for one in levels.values() for arm in one.missing}
    if missing:
        yield (
            f"No rows of {len(missing)} arms of the primary contrast, such as "
            f"“{min(missing)}”; run `{command}`."
        )
    seeds = min(one.seeds for one in levels.values())
    exact = all(one.interval.how == EXACT for one in levels.values())
    if seeds < claim.seeds and not exact:
        yield f"{seeds} of {claim.seeds} seeds that were wanted."
    used = pool.runs_of(claim)
    if len(used):
        yield describe_training(used)
        yield describe_registration(name, used, pool.fingerprint(claim))
    if claim.note:
        yield claim.note


def describe_training(used: pd.DataFrame) -> str:
    """States the data and epochs that the networks were trained on."""
    kinds = {
        tuple(config.get(key) for key in TRAINED_ON)
        for config in used["config"]
        if config.get("data.name")
    }
    texts = sorted(
        f"{data}, {'all' if n is None else format(n, ',')} training images, "
        f"{epochs} epoch{'s' if epochs != 1 else ''}"
        for data, n, epochs in kinds
    )
    return f"Trained on: {'; '.join(texts)}."


def describe_registration(name: str, used: pd.DataFrame, fingerprint: str) -> str:
    """States whether the claim, as it is now, was registered before the runs.

    Args:
      name: of the claim.
      used: its runs.
      fingerprint: of it now.
    """
    kinds = [
        classify_registration(name, run, fingerprint)
        for run in used[["fingerprints", "rules"]].to_dict("records")
    ]
    same, first = kinds.count("same"), kinds.count("first edition")
    parts = []
    if same:
        parts.append(
            f"{count_runs(same, used)} carry the fingerprint of this claim: it was "
            "registered before them"
        )
    if first:
        parts.append(
            f"{count_runs(first, used)} are of the first edition: registered by the "
            "hash of the rule's text"
        )
    if other := len(used) - same - first:
        parts.append(
            f"{count_runs(other, used)} carry another fingerprint of it, or none"
        )
    if dirty := int(used["dirty"].ne(False).sum()):  # unknown counts as dirty
        parts.append(f"{dirty} were made from a modified checkout")
    return "; ".join(parts) + "."


def classify_registration(
    name: str, run: Mapping[str, object], fingerprint: str
) -> str:
    """Returns `same`, `first edition` or `other`: what a run knew of a claim."""
    known, rules = run["fingerprints"], run["rules"]
    if isinstance(known, Mapping) and known:
        return "same" if known.get(name) == fingerprint else "other"
    return "first edition" if isinstance(rules, Mapping) and name in rules else "other"


def count_runs(some: int, used: pd.DataFrame) -> str:
    """Returns `All 10 runs` or `3 of 10 runs`."""
    return f"All {some} runs" if some == len(used) else f"{some} of {len(used)} runs"
