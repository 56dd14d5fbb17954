"""What a reader must know before believing a verdict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import inf
from typing import Any

import pandas as pd

from research.claims.claim import Claim
from research.claims.estimate import OVER_EXAMPLES, Estimate, count_fewest
from research.claims.pool import Pool

TRAINED_ON = ("data.name", "data.train_examples")
READ_OUT = {  # `model.head.pool.path` → what arms call it
    "research.models.readout.flatten": "flattened",
    "research.models.readout.mean": "global pooling",
}
Estimates = Mapping[str, Mapping[str, Estimate]]  # question → case → estimate


def remarks(
    name: str, claim: Claim, estimates: Estimates, pool: Pool, command: str
) -> Iterator[str]:
    """Yields sentences about one verdict.

    Args:
      name: of the claim.
      claim: that was judged.
      estimates: of its questions.
      pool: the runs.
      command: what makes those of the claim.
    """
    cases = [one for several in estimates.values() for one in several.values()]
    if missing := {arm for one in cases for arm in one.missing}:
        yield (
            f"No rows of {len(missing)} arms that are compared, such as "
            f"“{min(missing)}”; run `{command}`."
        )
    if (seeds := count_fewest(cases)) is not None:
        wanted = pool.count_seeds(claim)
        if seeds < wanted:
            yield f"{seeds} of {wanted} seeds that were registered."
    if any(one.how == OVER_EXAMPLES for one in cases):
        yield (
            "Where all seeds gave the same number, the interval is over test examples."
        )
    turning = sorted({seed for one in cases for seed in one.turning})
    if turning:
        text = ", ".join(map(str, turning))
        yield f"Without seed {text} an outcome would be another."
    used = pool.runs_of(claim)
    if len(used):
        yield describe_training(used)
        yield describe_registration(name, used, pool.fingerprint(claim))


def describe_training(used: pd.DataFrame) -> str:
    """States the data and epochs that the networks were trained on.

    Where epochs differ on the same data, it says which head had how many.
    """
    kinds: dict[tuple, dict[int, set[str]]] = {}
    for config in used["config"]:
        if config.get("data.name") and config.get("train.epochs"):
            of = kinds.setdefault(tuple(map(config.get, TRAINED_ON)), {})
            head = READ_OUT.get(config.get("model.head.pool.path"), "another head")
            of.setdefault(config["train.epochs"], set()).add(head)
    texts = [
        f"{data}, {'all' if n is None else format(n, ',')} training images, "
        f"{say_epochs(epochs)}"
        for (data, n), epochs in sorted(kinds.items(), key=order_kind)
    ]
    return f"Trained on: {'; '.join(texts)}."


def say_epochs(heads: Mapping[int, set[str]]) -> str:
    """Returns `32 epochs (flattened) or 64 epochs (global pooling)`."""
    said = {count: f"{count} epoch{'s' if count != 1 else ''}" for count in heads}
    if len(said) == 1:
        return next(iter(said.values()))
    return " or ".join(
        f"{said[count]} ({' and '.join(sorted(heads[count]))})"
        for count in sorted(heads)
    )


def order_kind(known: tuple[tuple[Any, ...], Any]) -> tuple[str, float]:
    """Returns what sorts data by name and number of images, all of them last."""
    (data, n), _ = known
    return data, inf if n is None else float(n)


def describe_registration(name: str, used: pd.DataFrame, fingerprint: str) -> str:
    """States whether the claim, as it is now, was registered before the runs.

    Args:
      name: of the claim.
      used: its runs.
      fingerprint: of it now.
    """
    same = sum(
        isinstance(known, Mapping) and known.get(name) == fingerprint
        for known in used["fingerprints"]
    )
    parts = []
    if same:
        parts.append(
            f"{count_runs(same, used)} carry the fingerprint of this claim: it was "
            "registered before them"
        )
    if other := len(used) - same:
        parts.append(
            f"{count_runs(other, used)} carry another fingerprint of it, or none"
        )
    if dirty := int(used["dirty"].ne(False).sum()):  # unknown counts as dirty
        parts.append(f"{dirty} were made from a modified checkout")
    return "; ".join(parts) + "."


def count_runs(some: int, used: pd.DataFrame) -> str:
    """Returns `All 10 runs` or `3 of 10 runs`."""
    return f"All {some} runs" if some == len(used) else f"{some} of {len(used)} runs"
