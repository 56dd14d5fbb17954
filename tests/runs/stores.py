"""Run folders of several kinds, and the tables of folders and stores compared."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
from fake_runs import fake_run, fake_sweep

from research.evals.measurement import Measurement
from research.files.lines import write_lines
from research.runs import read_metrics, read_predictions, read_rows, read_runs
from research.runs.outcome import file_name
from research.runs.rows import write_measurements

READERS = (read_runs, read_rows, read_metrics, read_predictions)
TABLES = ("runs", "rows", "metrics", "predictions")
PARAMS = {"amounts": [1, 2.5], "norm": None, "all": True}
KEY = "orbit,all=True,amounts=[1, 2.5],norm=None/agreement/map"  # of `measure`'s


def provenance(folder):
    return json.loads((folder / "provenance.json").read_text())


def various_runs(root):
    """Writes runs of different choices, splits and columns, and an unfinished one."""
    fake_sweep(root / "deep", seeds=2, arms=["max", "aps"])
    odd = fake_run(
        root,
        "odd",
        choices={"model/head": "gap"},
        config={"model": {"widths": [1, 2], "norm": float("inf"), "head": {}}},
    )
    measure(odd, "orbit", float("nan"), map=np.zeros((2, 3, 3)), none=np.zeros((0, 4)))
    for number, split in enumerate(["validation", "dev"]):
        file = file_name("orbit", split, "test")
        measure(odd, file, number, split, map=np.full((2, 3, 3), number))
    logged = [{"step": 1, "extra": None}, {"step": 2, "extra": 3, "note": "ä"}]
    write_lines(odd / "metrics.jsonl", logged)
    fake_run(root, "unfinished", done=False)
    return root


def measure(folder, file, value, split="test", **arrays):
    one = Measurement(
        *("orbit", "agreement", value, 5),
        params=PARAMS,
        arrays={name: np.asarray(array) for name, array in arrays.items()},
    )
    write_measurements(folder, file, [one], provenance(folder), split)


def tables(root):
    """Returns all tables, with paths that begin at the root."""
    found = []
    for read in READERS:
        table = read(root)
        table["path"] = [str(Path(path).relative_to(root)) for path in table["path"]]
        found.append(table)
    return found


def assert_same(before, after):
    for one, other in zip(before, after, strict=True):
        if "array" in one:
            for mine, theirs in zip(one["array"], other["array"], strict=True):
                np.testing.assert_array_equal(mine, theirs, strict=True)
            one, other = one.drop(columns="array"), other.drop(columns="array")
        pd.testing.assert_frame_equal(one, other)


def contents(store):
    return {path.name: path.read_bytes() for path in store.iterdir()}
