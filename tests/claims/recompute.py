"""Recomputes every primary effect, interval and p of a packed store, independently.

`python tests/claims/recompute.py outputs/reference` reads rows.parquet, runs.parquet,
predictions.parquet, pooling.json and what `cases.csv` says was compared in which runs;
NumPy and pandas alone, none of the project's code. Exit 1 names what differs.
"""

import json
import math
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

CLOSE = 1e-6  # relative, and absolute
FAMILIES = {"confirmatory": 9, "replication": 4}
GRID = 200_001  # points of the integral of t's density
ENDS = {
    "difference": lambda margin: (-margin, margin),
    "no difference": lambda margin: (-margin, margin),
    "every": lambda margin: (-margin, margin),
    "most": lambda margin: (-margin, margin),
    "no worse": lambda margin: (-margin, -margin),
    "more than": lambda margin: (margin, margin),
    "less than": lambda margin: (margin, margin),
}


def upper_tail(t, df):
    """P(T > t) of Student's distribution, with t = √df·tan(θ): ∫ cos^(df−1) dθ."""
    if t < 0:
        return 1 - upper_tail(-t, df)
    angles = np.linspace(math.atan(t / math.sqrt(df)), math.pi / 2, GRID)
    whole = math.sqrt(math.pi) * math.gamma(df / 2) / math.gamma((df + 1) / 2)
    return float(np.trapezoid(np.cos(angles) ** (df - 1), angles) / whole)


@cache
def quantile(df):
    """The point beyond which 2.5 % lie, by bisection."""
    low, high = 0.0, 1000.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if upper_tail(middle, df) > 0.025 else (low, middle)
    return low


class Store:
    """The tables of a packed store."""

    def __init__(self, folder):
        rows = pd.read_parquet(folder / "rows.parquet")
        rows["given"] = [
            json.loads(one) if isinstance(one, str) else dict(one)
            for one in rows["params"]
        ]
        self.rows = dict(tuple(rows.groupby("run")))
        path = folder / "predictions.parquet"
        kept = pd.read_parquet(path) if path.exists() else pd.DataFrame({"path": []})
        self.kept = dict(tuple(kept.groupby(kept["path"].str.rpartition("/")[2])))
        path = folder / "pooling.json"
        self.times = json.loads(path.read_text()) if path.exists() else {"rows": []}

    def value(self, run, measure):
        """The number of a run, in the unit of the measure."""
        own = self.rows[run]
        same = own[
            (own["protocol"] == measure["protocol"])
            & (own["measure"] == measure["measure"])
            & (own["split"] == "test")
        ]
        wanted = measure["params"].items()
        fits = [all(one.get(k) == v for k, v in wanted) for one in same["given"]]
        (value,) = same.loc[fits, "value"]
        value = math.log2(value) if measure["log2"] else value
        return value * measure["scale"] + measure["offset"]

    def array(self, run, shift, name):
        """An array that `eval=stability` kept of a run."""
        for one in self.kept[run].itertuples(index=False):
            protocol, params = one.key.split("/")[0].partition(",")[::2]
            right = one.key.endswith(f"/flip_rate/{name}")
            if protocol == "stability" and right and f"shift={shift}" in params:
                return unpack(one)
        raise KeyError((run, shift, name))


def unpack(one):
    """An array as a line of predictions.parquet has it: byte plane after byte plane."""
    dtype = np.dtype(one.dtype)
    planes = np.frombuffer(one.values, np.uint8).reshape(dtype.itemsize, -1)
    flat = np.ascontiguousarray(planes.T).view(dtype)
    return flat.reshape(tuple(one.shape))


def measure_arms(known, store):
    """arm → seed → value, of the seeds that all arms have."""
    runs, measure = known["runs"], known["measure"]
    if known["kind"] == "Timed":
        return time_arms(known, store)
    if known["kind"] == "Crossing":
        return cross_arms(known, store)
    seeds = sorted(set.intersection(*(set(own) for own in runs.values())), key=int)
    if known["kind"] == "Flips":
        return count_arms(runs, seeds, measure["shift"], store)
    values = {
        arm: {seed: store.value(own[seed], measure) for seed in seeds}
        for arm, own in runs.items()
    }
    if known["minus"]:
        for arm, own in runs.items():
            for seed in seeds:
                values[arm][seed] -= store.value(own[seed], known["minus"])
    return values


def count_arms(runs, seeds, shift, store):
    """arm → seed → log of its flips, on the images that all arms have right."""
    values = {arm: {} for arm in runs}
    for seed in seeds:
        arrays = {
            arm: [
                store.array(own[seed], shift, name)
                for name in ("flips", "predictions", "labels")
            ]
            for arm, own in runs.items()
        }
        right = np.all([guess == label for _, guess, label in arrays.values()], 0)
        for arm, (flips, _, _) in arrays.items():
            k = int(flips[right].sum())
            draws = draws_of(store, runs[arm][seed])
            n = draws * flips.shape[1] * int(right.sum())
            values[arm][seed] = math.log((k + 0.5) / (n + 1))
    return values


def draws_of(store, run):
    """How many views of each distance were drawn."""
    own = store.rows[run]
    kept = own.loc[own["protocol"] == "stability", "given"]
    return next(one["draws"] for one in kept)


def time_arms(known, store):
    """operator → repeat → log2 of its seconds."""
    measure = known["measure"]
    k, size = measure["window"], measure["size"]
    names = {f"{one}, {measure['implementation']}": one for one in known["arms"]}
    return {
        names[row["subject"]]: dict(enumerate(np.log2(row["rounds"])))
        for row in store.times["rows"]
        if row["case"] == f"{k}×{k} on {size}×{size}" and row["subject"] in names
    }


def cross_arms(known, store):
    """arm → seed → log2 of the images at which its curve reaches the value."""
    measure, runs, values = known["measure"], known["runs"], {}
    for arm in known["arms"]:
        curve = {int(size): runs[one] for size, one in measure["curves"][arm].items()}
        sizes = sorted(curve)
        for seed in set.intersection(*(set(own) for own in curve.values())):
            heights = [store.value(curve[size][seed], measure["of"]) for size in sizes]
            reached = [
                place for place, one in enumerate(heights) if one >= measure["value"]
            ]
            if not reached:
                continue
            last = reached[0]
            first = max(last - 1, 0)
            logs = np.log2([sizes[first], sizes[last]])
            share = np.interp(measure["value"], [heights[first], heights[last]], [0, 1])
            at = logs[1] if last == first else logs[0] + share * (logs[1] - logs[0])
            values.setdefault(arm, {})[seed] = float(at)
    return values


def decide(differences, ends):
    """Mean, interval and the three one-sided p of differences over seeds."""
    d, n = np.array(differences), len(differences)
    mean, se = d.mean(), d.std(ddof=1) / math.sqrt(n)
    reach = quantile(n - 1) * se
    low, high = ((mean - end) / se for end in ends)
    plus, minus = upper_tail(high, n - 1), upper_tail(-low, n - 1)
    equal = max(upper_tail(low, n - 1), upper_tail(-high, n - 1))
    return mean, mean - reach, mean + reach, (plus, minus, equal)


def combine(sides, rule):
    """p of what several cases say together, from their one-sided ones."""
    worst, sides = np.max(sides, 0), np.array(sides)
    alike = min(1.0, 2 * min(worst))
    if rule == "every" and worst[2] > 0.025:
        return min(1.0, 2 * len(sides) * np.min(sides[:, :2]))
    if rule == "most" and worst[0] > 0.025:
        return min(1.0, 2 * len(sides) * np.min(sides[:, 1]))
    return alike


def holm(pairs, size):
    """question → p after Holm's rule over a family."""
    found, most = {}, 0.0
    for place, (name, p) in enumerate(sorted(pairs, key=lambda one: one[1])):
        most = max(most, (size - place) * p)
        found[name] = min(most, 1.0)
    return found


def recompute(folder, cases):
    """Yields (what, told, found) for every number."""
    store, families = Store(Path(folder)), {}
    for (name, question), lines in cases.groupby(["id", "question"], sort=False):
        sides = []
        for line in lines.itertuples(index=False):
            what = f"{name} {question} {line.case}"
            if np.isnan(line.effect):
                continue
            known = json.loads(line.evidence)
            values = measure_arms(known, store)
            shared = sorted(set.intersection(*map(set, values.values())))
            differences = [
                known["base"]
                + sum(w * values[arm][s] for arm, w in known["arms"].items())
                for s in shared
            ]
            yield f"{what}: seeds", line.n, len(shared)
            alone = len(differences) == 1  # a seed by itself has no interval, nor a p
            apart = line.interval == "exact count" or "over examples" in line.interval
            if alone or apart:
                yield f"{what}: effect", line.effect, float(np.mean(differences))
                continue
            ends = ENDS[known["rule"]](line.margin)
            mean, low, high, side = decide(differences, ends)
            sides.append(side)
            yield f"{what}: effect", line.effect, mean
            yield f"{what}: low", line.low, low
            yield f"{what}: high", line.high, high
        first = lines.iloc[0]
        waits = first["verdict"].startswith("undetermined: ")  # for further seeds
        if len(sides) == len(lines) and not waits:
            p = combine(sides, known["rule"])
            yield f"{name} {question}: p", first["p"], p
            if first["family"]:
                families.setdefault(first["family"], []).append(((name, question), p))
    told = cases.drop_duplicates(["id", "question"]).set_index(["id", "question"])
    for family, known in families.items():
        for key, adjusted in holm(known, FAMILIES[family]).items():
            yield f"{' '.join(key)}: Holm", told.loc[key, "adjusted"], adjusted


def main(folder):
    """Prints how many numbers agree; returns those that do not."""
    cases = pd.read_csv(Path(folder) / "cases.csv", keep_default_na=True)
    words = ["question", "case", "family"]
    cases[words] = cases[words].fillna("")
    checked, wrong = 0, []
    for what, told, found in recompute(folder, cases):
        checked += 1
        if not math.isclose(told, found, rel_tol=CLOSE, abs_tol=CLOSE):
            wrong.append(f"{what}: told {told}, recomputed {found}")
    print(f"{checked} numbers recomputed, {len(wrong)} differ", *wrong, sep="\n")
    return wrong


if __name__ == "__main__":
    sys.exit(bool(main(sys.argv[1])))
