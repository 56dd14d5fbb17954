"""From rows to means over seeds with intervals, and the sentence that states them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from research.errors import NoRows
from research.ranges import Count
from research.stats import t_interval

OR = " or "  # between the names of intervals that estimates mix


def select_rows(
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
      NoRows: there are none.
    """
    of_kind = rows[(rows["protocol"] == protocol) & (rows["measure"] == measure)]
    fits = [set(given) == set(params) for given in of_kind["params"]]
    found = of_kind[pd.Series(fits, of_kind.index, bool) & (of_kind["split"] == split)]
    if found.empty:
        what = f"{protocol} {measure}" + (f" at a {params[0]}" if params else "")
        raise NoRows(
            f"no rows of {what} on split={split}; measure them with "
            "scripts/evaluate.py run_dir=… eval=…, or choose another split"
        )
    columns = {
        name: [_hashable(given[name]) for given in found["params"]] for name in params
    }
    return found.assign(**columns)


def select_available(
    rows: pd.DataFrame, wanted: Mapping[str, Sequence[str]], *, split: str = "test"
) -> dict[str, pd.DataFrame]:
    """Returns the rows of those of several measurements that have any.

    Args:
      rows: as `read_rows` returns them.
      wanted: title → protocol, measure and parameters, as of `select_rows`.
      split: of the examples measured.

    Raises:
      NoRows: there are no rows of any; it names the last.
    """
    found = {}
    for title, measurement in wanted.items():
        try:
            found[title] = select_rows(rows, *measurement, split=split)
        except NoRows as missing:
            reason = missing
    if not found:
        raise reason
    return found


def keep_largest_shift(found: pd.DataFrame, title: str) -> tuple[str, pd.DataFrame]:
    """Returns a title and rows of agreement, of the largest shift where there are more.

    `accuracy` stays as it is; `agreement` becomes `agreement ≤ 3 px`. Of fractional
    shifts the finest are kept: `agreement ≤ 3 px in 1/4 px`.
    """
    for key, words in (("max_shift", "≤ {} px"), ("upsampling", "in 1/{} px")):
        if key in found:
            largest = found[key].max()
            title = f"{title} {words.format(largest)}"
            found = found[found[key] == largest]
    return title, found


def estimate_means(
    rows: pd.DataFrame, by: list[str], *, fewest_seeds: Count = 3
) -> pd.DataFrame:
    """Averages rows over seeds, with a 95 % interval.

    From `fewest_seeds` on this is Student's interval over seeds. With fewer, or where
    the seeds agree to the last digit, its ends are the means over seeds of the ends of
    each run's interval over examples; it then says nothing of other seeds.

    Args:
      rows: of one measurement.
      by: columns whose values are not averaged over, such as `arm`.
      fewest_seeds: see above.

    Returns:
      `by`, `value`, `low`, `high`, `how` (the interval's name), `seeds`, `n` examples.
    """
    found = []
    for key, group in rows.groupby(by, sort=False):
        low, high, how = t_interval(group["value"].to_numpy())
        if not how or len(group) < fewest_seeds:
            low, high = group["low"].mean(), group["high"].mean()
            how = OR.join(sorted({name for name in group["interval"] if name}))
        found.append(
            dict(zip(by, key, strict=True))
            | {"value": group["value"].mean(), "low": low, "high": high}
            | {"how": how, "seeds": len(group), "n": int(group["n"].min())}
        )
    return pd.DataFrame(found)


def estimate_proportions(
    rows: pd.DataFrame, by: list[str], *, fewest_seeds: Count = 3
) -> pd.DataFrame:
    """Returns `estimate_means` of proportions: their intervals end at 0 and 1."""
    found = estimate_means(rows, by, fewest_seeds=fewest_seeds)
    return found.assign(low=found["low"].clip(0), high=found["high"].clip(upper=1))


def describe_estimates(estimates: pd.DataFrame, mark: str = "Bars") -> str:
    """States examples, seeds and intervals of estimates, as every figure must.

    Args:
      estimates: as `estimate_means` returns them.
      mark: how the intervals appear: `Bars` in figures, `Brackets` in tables.
    """
    seeds = format_seeds(estimates["seeds"])
    counts = f"{format_range(estimates['n'])} examples, {seeds}."
    hows = estimates["how"].value_counts().index
    names = dict.fromkeys(name for how in hows for name in how.split(OR) if name)
    return f"{counts} {mark}: 95 % {OR.join(names)}." if names else counts


def format_seeds(counts: pd.Series) -> str:
    """Returns `1 seed`, `3 seeds` or `2–3 seeds`."""
    return f"{format_range(counts)} seed{'' if counts.max() == 1 else 's'}"


def format_range(counts: pd.Series) -> str:
    """Returns `360`, or `360–1,797` where counts differ."""
    ends = sorted({counts.min(), counts.max()})
    return "–".join(f"{end:,}" for end in ends)


def _hashable(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value
