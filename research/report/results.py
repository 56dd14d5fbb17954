"""The tables of one report, and what its figures, tables and page derive from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from research.claims.flips import KEPT
from research.claims.judge import verdicts
from research.claims.pool import Pool, Tables, gather
from research.claims.setting import Compose
from research.claims.verdict import Verdict
from research.errors import UserError
from research.files.atomic import read_json
from research.report.arms import keep_newest, label_arms
from research.report.estimates import select_available, select_rows
from research.report.twins import drop_twins
from research.runs.folders import find_unfinished
from research.runs.predictions import read_predictions
from research.runs.rows import name_array, read_arrays
from research.runs.tables import read_metrics, read_rows, read_runs

TIMES = "pooling.json"  # of the operators by themselves


def describe_missing(key: str, evaluator: str) -> str:
    """Returns the line about an array, or all, of an evaluator that a store lacks."""
    return (
        f"arrays {key or '*'} of eval={evaluator} were not kept: pack the runs again "
        f"with \"arrays=['{evaluator}/*']\", or draw from their folders"
    )


class Arrays(dict[str, np.ndarray]):
    """Arrays by name; one that was not kept is the user's to keep, not a bug."""

    def __init__(self, arrays: Mapping[str, np.ndarray], *, of: str) -> None:
        """Takes the arrays of an evaluator, and its name."""
        super().__init__(arrays)
        self.evaluator = of

    def __missing__(self, key: str) -> np.ndarray:
        """Raises the UserError that says how to keep it."""
        raise UserError(describe_missing(key, self.evaluator))

    def below(self, prefix: str) -> Arrays:
        """Returns those whose names begin so, by the rest of their names."""
        kept = {
            name.removeprefix(prefix): one
            for name, one in self.items()
            if name.startswith(prefix)
        }
        return Arrays(kept, of=self.evaluator)


@dataclass(frozen=True, eq=False)
class Results:
    """What was run and measured; each derived table is made once, when first asked for.

    Attributes:
      runs: as `read_runs` returns them.
      rows: as `read_rows` returns them.
      metrics: as `read_metrics` returns them.
      compose: `research.config.compose_flat`, by which runs are matched to the arms
        that claims declare; only verdicts need it.
      omitted: a line for each kind of run that `read` left out.
      predictions: returns the arrays that flips are counted in, as `read_predictions`.
      times: of `scripts/benchmark.py pooling`; None where there are none.
    """

    runs: pd.DataFrame
    rows: pd.DataFrame
    metrics: pd.DataFrame
    compose: Compose | None = None
    omitted: tuple[str, ...] = ()
    predictions: Callable[[], pd.DataFrame] = pd.DataFrame
    times: Mapping[str, Any] | None = None

    @classmethod
    def read(
        cls,
        root: str | Path,
        *,
        done_only: bool = True,
        compose: Compose | None = None,
    ) -> Results:
        """Reads the runs at or below a folder that have any rows, each once.

        Args:
          root: a run folder, or any folder above some.
          done_only: leave out runs that are not finished.
          compose: see the class.

        Raises:
          UserError: there is no such folder, a file there is damaged, or no run that is
            wanted has rows.
        """
        runs, rows, metrics = (
            read(root, done_only) for read in (read_runs, read_rows, read_metrics)
        )
        measured = runs["path"].isin({*rows["path"], *metrics["path"]})
        unfinished = [str(one) for one in find_unfinished(root)]
        if not measured.any():
            begun = f" ({len(unfinished)} are not finished)" if unfinished else ""
            raise UserError(
                f"runs={root}: no rows in any finished run there{begun}; finish one "
                "with scripts/train.py, or take unfinished ones with done_only=false"
            )
        missing = [one for one in unfinished if one not in {*runs["path"]}]
        chosen, twins = drop_twins(runs[measured], rows)
        omitted = (
            *_describe(missing, "not finished; done_only=false takes them, too"),
            *_describe([*runs["path"][~measured]], "without rows"),
            *twins,
        )
        rows, metrics = (
            table[table["path"].isin(chosen["path"])] for table in (rows, metrics)
        )
        flips = partial(
            read_predictions, root, done_only, evaluators=["stability"], names=KEPT
        )
        times = read_times(root)
        return cls(chosen, rows, metrics, compose, omitted, flips, times)

    @cached_property
    def arms(self) -> pd.DataFrame:
        """The runs with their `arm`; raises as `label_arms`."""
        return label_arms(self.runs)

    @cached_property
    def labelled_rows(self) -> pd.DataFrame:
        """The rows with their `arm`, each once; raises as `label_arms`."""
        rows = self.rows.merge(self.arms[["path", "arm"]], on="path")
        return keep_newest(rows, self.arms)

    @cached_property
    def labelled_metrics(self) -> pd.DataFrame:
        """The rows of training with their `arm`; raises as `label_arms`."""
        return self.metrics.merge(self.arms[["path", "arm"]], on="path")

    def select(
        self, protocol: str, measure: str, *params: str, split: str = "test"
    ) -> pd.DataFrame:
        """Returns the rows of one measurement; see `select_rows`."""
        return select_rows(self.labelled_rows, protocol, measure, *params, split=split)

    def select_available(
        self, wanted: Mapping[str, Sequence[str]], *, split: str = "test"
    ) -> dict[str, pd.DataFrame]:
        """Returns the rows of those measurements that have some: `select_available`."""
        return select_available(self.labelled_rows, wanted, split=split)

    def arrays(self, path: str, evaluator: str, split: str = "test") -> Arrays:
        """Returns the arrays behind the rows of one run; see `read_arrays`.

        Raises:
          UserError: none were kept; or, when it is asked for, that one was not.
        """
        try:
            return Arrays(read_arrays(path, evaluator, split), of=evaluator)
        except FileNotFoundError as error:
            raise UserError(f"{path}: {describe_missing('', evaluator)}") from error

    def array(self, row: pd.Series, name: str) -> np.ndarray:
        """Returns one of the arrays that were kept beside a row; see `read_arrays`.

        Args:
          row: of the table of rows.
          name: of the array, such as `examples`.
        """
        key = name_array(row["protocol"], row["params"], row["measure"], name)
        return self.arrays(row["path"], row["evaluator"], row["split"])[key]

    @property
    def of_claims(self) -> bool:
        """Whether there are runs of experiments: their setting names a scale."""
        settings = self.runs["setting"] if "setting" in self.runs else []
        return any("/" in str(setting) for setting in settings)

    @property
    def of_maps(self) -> bool:
        """Whether label maps were measured."""
        return bool(self.rows["protocol"].isin(["segmentation", "neighbours"]).any())

    @cached_property
    def pool(self) -> Pool:
        """The runs of the claims, by arm and seed; raises as `gather`."""
        if self.compose is None:
            raise UserError(
                "verdicts need the configs of the claims' arms: give compose="
                "research.config.compose_flat to Results"
            )
        tables = Tables(
            self.runs, self.rows, self.metrics, self.predictions, self.times
        )
        return gather(tables, compose=self.compose)

    @cached_property
    def verdicts(self) -> list[Verdict]:
        """The verdict on every claim; raises as `gather`."""
        return verdicts(self.pool)


def read_times(root: str | Path) -> Mapping[str, Any] | None:
    """Returns what `scripts/benchmark.py pooling` left beside runs, None if nothing.

    Raises:
      UserError: the file is damaged.
    """
    path = Path(root) / TIMES
    remedy = "run `scripts/benchmark.py pooling` again, or remove it"
    return read_json(path, remedy=remedy) if path.is_file() else None


def _describe(paths: Sequence[str], why: str) -> Iterator[str]:
    """Yields a line on the runs that were left out, with the path of the first."""
    if paths:
        several = "s" if len(paths) > 1 else ""
        yield f"{len(paths)} run{several}, such as {paths[0]}, {why}"
