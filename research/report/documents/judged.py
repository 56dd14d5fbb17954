"""A claim with its verdict and the runs that it was reached by."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from research import claims
from research.claims.claim import Claim
from research.claims.judge import judge
from research.claims.pool import Pool, Tables
from research.claims.setting import Compose
from research.claims.verdict import NOT_RUN, Verdict
from research.errors import UserError
from research.report.possible import clip_verdict
from research.report.results import Results

FULL = "full"  # the scale that is described where there are no runs of any


@dataclass(frozen=True, eq=False)
class Judged:
    """A claim, and what there is about it in a store.

    Attributes:
      claim: as it is declared.
      verdict: after Holm's rule.
      pool: the runs.
      store: the folder of the runs, which has the pictures.
    """

    claim: Claim
    verdict: Verdict
    pool: Pool
    store: Path

    @property
    def id(self) -> str:
        """Such as `c2`, as files are named."""
        return self.verdict.id.lower()

    @property
    def settings(self) -> set[str]:
        """The settings that its arms are trained in."""
        return {self.claim.split(arm)[0] for arm in self.claim.arms}

    @property
    def elsewhere(self) -> bool:
        """Whether it names no networks to train: its numbers are in a store apart."""
        return not (self.claim.arms or self.claim.questions)

    @property
    def ran(self) -> bool:
        """Whether there is anything to tell."""
        answered = any(one.verdict != NOT_RUN for one in self.verdict.answers)
        told = any(one["effect"] is not None for one in self.verdict.details)
        return answered or self.elsewhere or (not self.verdict.answers and told)


@cache
def read_store(store: Path, compose: Compose) -> Results | None:
    """Returns what a store holds; None where it is not there yet.

    Raises:
      UserError: there is no such folder, nor a store above it.
    """
    if store.exists():
        return Results.read(store, compose=compose)
    if not (store.parent / "store.json").exists():
        raise UserError(f"{store.name}: there is no such store")
    return None


@cache
def open_pool(store: Path, compose: Compose) -> Pool:
    """Returns the runs of a store, where it is not there yet those above it.

    These are at another scale than the one that is described, and none is of its arms.

    Raises:
      UserError: as `read_store`.
    """
    if (results := read_store(store, compose)) is not None:
        return results.pool
    above = read_store(store.parent, compose)
    assert above is not None, "read_store refuses a store without one above"
    tables = Tables(above.runs, above.rows, above.metrics)
    return Pool(tables, scale=FULL, compose=compose)


def find_claim(store: Path, name: str, compose: Compose) -> Judged:
    """Returns a claim with its verdict.

    Args:
      store: the folder of the packed runs.
      name: of the claim, such as `C2`.
      compose: see `Results`.

    Raises:
      UserError: there is no such claim, or no such store.
    """
    known = claims.load()
    if name.lower() not in known:
        raise UserError(f"{name}: takes one of {', '.join(map(str.upper, known))}")
    pool = open_pool(store, compose)
    results = read_store(store, compose)
    every = results.verdicts if results is not None else []
    own = [one for one in every if one.id == name.upper()]
    verdict = own[0] if own else judge(name.lower(), pool)
    declared = known[name.lower()]
    return Judged(declared, clip_verdict(declared, verdict), pool, store)
