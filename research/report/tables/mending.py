"""The table of mending: what each wrapper gains of the bare classifier, and costs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from research.errors import NoRows, UserError
from research.report.estimates import format_range, format_seeds, keep_largest_shift
from research.report.formats import MISSING, format_interval, format_number
from research.report.results import Results
from research.report.tables.pairs import Runs, collect, interval_of
from research.runs import identity

MEASURES = {
    "accuracy": ("accuracy", "accuracy"),
    "agreement, circular": ("circular", "agreement", "max_shift"),
    "agreement, zero": ("zero", "agreement", "max_shift"),
    "agreement, crop": ("crop", "agreement", "max_shift"),
    "agreement, window": ("window", "agreement", "distance"),
    "worst agreement, window": ("window", "worst_agreement", "max_shift"),
}
CAPTION = (
    "Each classifier in a wrapper, or with parts replaced, less the same one as it is, "
    "on the same {n} examples, {seeds}. Time: as a multiple of the bare one's, "
    "measured {how}.{brackets}"
)
IN_TURN, APART = "in turn with it", "at another time than it"


def tabulate(results: Results, *, split: str = "test") -> pd.DataFrame:
    """Returns a line for each measure of each classifier that was mended.

    Args:
      results: with the rows of classifiers as they are (`wrap=none`) and mended, of
        `eval=accuracy`, `shift` or `window`; and of `eval=speed`, for the time.
      split: of the examples measured.

    Returns:
      `arm`, `measure` (with its largest shift, or by distance), `bare`, `mended`,
      `gain` with ` low`, ` high` and ` interval`, `milliseconds` an image, `time` (a
      multiple of the bare classifier's), `seeds`, `n` examples. `attrs["caption"]` says
      how to read it, `attrs["text"]` is what people read.

    Raises:
      UserError: there are no such rows, or nothing is there both bare and mended.
    """
    measured: dict[str, Runs] = {}
    for name, rows in results.select_available(MEASURES, split=split).items():
        for title, some in split_rows(name, rows):
            measured[title] = collect(results, some)
    known = read_times(results, split)
    lines = [
        line
        for bare, mended in pair_arms(results.arms)
        for line in compare(bare, mended, measured, known)
    ]
    if not lines:
        raise UserError(
            "no classifier was measured both as it is and mended, on the same data; do "
            "so with scripts/evaluate.py -m wrap=none,average eval=[shift,speed]"
        )
    table = pd.DataFrame(lines)
    hows = sorted({str(line["gain interval"]) for line in lines} - {""})
    table.attrs["text"] = pd.DataFrame([describe(line) for line in lines])
    table.attrs["caption"] = CAPTION.format(
        n=format_range(table["n"]),
        seeds=format_seeds(table["seeds"]),
        how=APART if set(table["arm"]) - known.ratios.keys() else IN_TURN,
        brackets=f" Brackets: 95 % {' or '.join(hows)}." if hows else "",
    )
    return table


def split_rows(name: str, rows: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yields rows that are compared with each other, by distance where they have one.

    Args:
      name: of the measure.
      rows: of it.
    """
    if "distance" not in rows:
        yield keep_largest_shift(rows, name)
        return
    for distance, some in rows.groupby("distance"):
        yield f"{name} by {distance} px", some


def pair_arms(arms: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """Yields the labels of an arm as it is and of the same one mended.

    Args:
      arms: as `label_arms` returns them.
    """
    subjects: dict[str, dict[str, str]] = {}
    for _, run in arms.drop_duplicates("arm").iterrows():
        science = identity.science(run["config"])
        subject = identity.digest({k: v for k, v in science.items() if k != "seed"})
        how = identity.digest(identity.mending(run["config"]))
        subjects.setdefault(subject, {})[how] = run["arm"]
    bare = identity.digest({})
    for known in subjects.values():
        if bare in known:
            yield from ((known[bare], arm) for how, arm in known.items() if how != bare)


class Times(NamedTuple):
    """What `eval=speed` found, by arm; only of those arms that have it."""

    seconds: Mapping[str, float]  # an image
    ratios: Mapping[str, float]  # to the bare classifier, timed in turn with it

    def ratio(self, bare: str, mended: str) -> float:
        """Returns how many times as long a mended classifier takes; NaN: unknown."""
        if mended in self.ratios:
            return self.ratios[mended]
        before, after = (self.seconds.get(one, np.nan) for one in (bare, mended))
        return after / before


def read_times(results: Results, split: str) -> Times:
    """Returns the times that were measured, if any."""

    def read(measure: str) -> dict[str, float]:
        try:
            rows = results.select("speed", measure, "batch", split=split)
        except NoRows:
            return {}
        return rows.groupby("arm")["value"].min().to_dict()

    return Times(read("seconds_per_image"), read("times_bare"))


def compare(
    bare: str, mended: str, measured: Mapping[str, Runs], times: Times
) -> Iterator[dict[str, Any]]:
    """Yields the lines of one arm: one for each measure that both have."""
    for measure, runs in measured.items():
        seeds = sorted(seed for arm, seed in runs if arm == bare)
        both = [seed for seed in seeds if (mended, seed) in runs]
        pairs = [(runs[bare, seed], runs[mended, seed]) for seed in both]
        pairs = [(a, b) for a, b in pairs if len(a) == len(b)]
        if not pairs:
            continue
        values = [float(np.mean([pair[i].mean() for pair in pairs])) for i in (0, 1)]
        low, high, how = interval_of([b - a for a, b in pairs])
        yield {
            "arm": mended,
            "measure": measure,
            "bare": values[0],
            "mended": values[1],
            "gain": values[1] - values[0],
            "gain low": low,
            "gain high": high,
            "gain interval": how,
            "milliseconds": 1000 * times.seconds.get(mended, np.nan),
            "time": times.ratio(bare, mended),
            "seeds": len(pairs),
            "n": min(len(a) for a, _ in pairs),
        }


def describe(line: Mapping[str, Any]) -> dict[str, str]:
    """Returns a line as people read it, all of it text."""
    points = [100 * line[f"gain{end}"] for end in ("", " low", " high")]
    known = not np.isnan(line["time"])
    return {
        "arm": line["arm"],
        "measure": line["measure"],
        "bare": f"{100 * line['bare']:.2f} %",
        "mended": f"{100 * line['mended']:.2f} %",
        "gain": format_interval(*(points if line["gain interval"] else points[:1])),
        "ms": format_number(line["milliseconds"]) if known else MISSING,
        "time": f"× {line['time']:.1f}" if known else MISSING,
    }
