"""From runs to arms, and from rows to estimates with intervals.

An *arm* is what is compared: runs that differ in nothing but their seed.
"""

from __future__ import annotations

import pandas as pd

from research.errors import UserError
from research.runs.tables import DONE, RUN
from research.stats import t_interval

KNOWN = {*RUN, *DONE, "done", "config"}  # the columns of runs that are no choices
MEASURING = {"eval"}  # choices about how to look, not what at


def arms(runs: pd.DataFrame) -> pd.DataFrame:
    """Adds a column `arm`: the choices that vary, such as `max, resnet20`.

    Config groups at the top count if they vary at all, those below, such as
    `downsample/reduce`, if they tell runs apart that those above do not; then config
    keys, such as `taps=5`, if runs of one seed differ in nothing else.

    Args:
      runs: as `read_runs` returns them.

    Raises:
      UserError: two runs have one config and one seed.
    """
    groups = [name for name in runs if name not in KNOWN | MEASURING]
    labels = [""] * len(runs)
    for group in sorted(groups, key=lambda name: name.count("/")):
        *above, name = group.split("/")
        options = runs[group].fillna("").tolist()
        named = [f"{name}={option}" if above else option for option in options]
        finer = _joined(labels, named)
        worth = len(set(finer)) > len(set(labels)) if above else len(set(options)) > 1
        labels = finer if worth else labels
    if len(set(labels)) == 1 and "downsample" in runs:
        labels = runs["downsample"].tolist()
    for key in _varying_keys(runs.assign(arm=labels)):
        name = key.rpartition(".")[2]
        values = [config.get(key) for config in runs["config"]]
        labels = _joined(labels, [f"{name}={value}" for value in values])
    named = runs.assign(arm=labels)
    twins = named[named.duplicated(["arm", "seed"], keep=False)]
    if len(twins):
        first, second = twins[twins["arm"] == twins["arm"].iloc[0]]["path"].iloc[:2]
        raise UserError(
            f"{first} and {second} are runs of one config and one seed; remove one, or "
            "choose one sweep with runs=…"
        )
    return named


def select(
    rows: pd.DataFrame,
    protocol: str,
    measure: str,
    *params: str,
    split: str = "test",
) -> pd.DataFrame:
    """Returns the rows of one measurement that has these parameters and no others.

    Args:
      rows: as `read_rows` returns them.
      protocol: such as `circular`.
      measure: such as `agreement`.
      *params: such as `max_shift`; each becomes a column, lists as tuples.
      split: of the examples measured.

    Raises:
      UserError: there are none.
    """
    of_kind = rows[(rows["protocol"] == protocol) & (rows["measure"] == measure)]
    fits = [set(given) == set(params) for given in of_kind["params"]]
    found = of_kind[pd.Series(fits, of_kind.index, bool) & (of_kind["split"] == split)]
    if found.empty:
        what = f"{protocol} {measure}" + (f" at a {params[0]}" if params else "")
        raise UserError(
            f"no rows of {what} on split={split}; measure them with "
            "scripts/evaluate.py run_dir=… eval=…, or choose another split"
        )
    columns = {
        name: [_hashable(given[name]) for given in found["params"]] for name in params
    }
    return found.assign(**columns)


def proportions(
    rows: pd.DataFrame, by: list[str], *, fewest_seeds: int = 3
) -> pd.DataFrame:
    """Returns `estimates` of proportions: their intervals end at 0 and 1."""
    found = estimates(rows, by, fewest_seeds=fewest_seeds)
    return found.assign(low=found["low"].clip(0), high=found["high"].clip(upper=1))


def estimates(
    rows: pd.DataFrame, by: list[str], *, fewest_seeds: int = 3
) -> pd.DataFrame:
    """Averages rows over seeds, with a 95 % interval.

    From `fewest_seeds` on this is Student's interval over seeds. With fewer, or where
    the seeds agree to the last digit, its ends are the means over seeds of the ends of
    each run's interval over examples; it then says nothing of other seeds.

    Args:
      rows: of one measurement.
      by: columns that tell apart what is not averaged, such as `arm`.
      fewest_seeds: see above.

    Returns:
      `by`, `value`, `low`, `high`, `how` (the interval's name), `seeds`, `n` examples.
    """
    found = []
    for key, group in rows.groupby(by, sort=False):
        low, high, how = t_interval(group["value"].to_numpy())
        if not how or len(group) < fewest_seeds:
            low, high = group["low"].mean(), group["high"].mean()
            how = " or ".join(sorted({name for name in group["interval"] if name}))
        found.append(
            dict(zip(by, key, strict=True))
            | {"value": group["value"].mean(), "low": low, "high": high}
            | {"how": how, "seeds": len(group), "n": int(group["n"].min())}
        )
    return pd.DataFrame(found)


def caption(estimates: pd.DataFrame, mark: str = "Bars") -> str:
    """States examples, seeds and intervals of `proportions`, as every figure must."""
    counts = f"{span(estimates['n'])} examples, {seeds(estimates['seeds'])}."
    hows = [how for how in estimates["how"].value_counts().index if how]
    return f"{counts} {mark}: 95 % {' or '.join(hows)}." if hows else counts


def seeds(counts: pd.Series) -> str:
    """Returns `1 seed`, `3 seeds` or `2–3 seeds`."""
    return f"{span(counts)} seed{'s' if counts.max() > 1 else ''}"


def span(counts: pd.Series) -> str:
    """Returns `360`, or `360–1,797` where counts differ."""
    ends = sorted({counts.min(), counts.max()})
    return "–".join(f"{end:,}" for end in ends)


def _hashable(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def _joined(labels: list[str], more: list[str]) -> list[str]:
    pairs = zip(labels, more, strict=True)
    return [", ".join(part for part in pair if part) for pair in pairs]


def _varying_keys(runs: pd.DataFrame) -> list[str]:
    """Returns the config keys in which runs of one arm and one seed differ."""
    varying: dict[str, None] = {}
    for _, twins in runs.groupby(["arm", "seed"], sort=False):
        configs = list(twins["config"])
        for key in dict.fromkeys(key for config in configs for key in config):
            if len({str(config.get(key)) for config in configs}) > 1:
                varying[key] = None
    return list(varying)
