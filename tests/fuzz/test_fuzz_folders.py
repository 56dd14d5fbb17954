"""A run folder that somebody has harmed: finite rows, or one line that names a file.

Never a traceback, never a changed checkpoint, never a half-written folder.
"""

import os
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from finished_run import copy_run, make_run, train
from hypothesis import assume, given
from hypothesis import strategies as st
from rich.console import Console

from research import config
from research.jobs import overview
from research.report.results import Results
from research.report.tables import forms, summary
from research.runs import read_metrics, read_predictions, read_rows, read_runs
from research.runs.evaluate import evaluate_run
from research.runs.pack import pack

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))
from command import note_mistakes  # noqa: E402

CASES: Counter = Counter()


def show_status(runs):
    lines = overview.jobs(runs)
    with open(os.devnull, "w") as nowhere:
        Console(file=nowhere).print(overview.show(lines, 80))


def report(runs):
    forms.to_rich(summary.tabulate(Results.read(runs)))


def evaluate(runs):
    for folder in folders(runs):
        data = runs.parent / "data"
        overrides = ["eval=accuracy", f"data.dir='{data}'"]
        evaluate_run(
            config.compose(*overrides, config="eval"), folder, overrides=overrides
        )


def train_again(runs):
    for folder in folders(runs):
        train(folder, data=runs.parent / "data")


def pack_all(runs):
    pack(runs, runs.parent / "store")


def folders(runs):
    return sorted(path for path in runs.iterdir() if path.is_dir())


READERS = {
    "status": show_status,
    "report": report,
    "runs": read_runs,
    "rows": read_rows,
    "metrics": read_metrics,
    "predictions": read_predictions,
    "pack": pack_all,
}
WRITERS = {"evaluate": evaluate, "train": train_again}
ACTIONS = READERS | WRITERS


def remove(path, draw):
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def truncate(path, draw):
    assume(path.is_file() and path.stat().st_size)
    os.truncate(path, draw(st.integers(0, path.stat().st_size - 1)))


def double(path, draw):
    """Its content, or the thing itself under another name."""
    if path.is_file() and draw(st.booleans()):
        path.write_bytes(path.read_bytes() * 2)
        return
    name = draw(
        st.sampled_from([" (1)", " copy", "~", ".bak", "2", ".sync-conflict-1"])
    )
    twin = path.with_name(f"{path.stem}{name}{path.suffix}")
    assume(not twin.exists())
    (shutil.copytree if path.is_dir() else shutil.copy)(path, twin)


def rename(path, draw):
    names = [f"._{path.name}", f"{path.name} (1)", path.name.upper(), "x", "größe.json"]
    target = path.with_name(draw(st.sampled_from(names)))
    assume(not target.exists())
    path.rename(target)


def swap(path, draw):
    other = path.with_name(draw(st.sampled_from(sorted(os.listdir(path.parent)))))
    assume(path.is_file() and other.is_file() and other != path)
    content = path.read_bytes()
    path.write_bytes(other.read_bytes())
    other.write_bytes(content)


def make_empty(path, draw):
    assume(path.is_file())
    path.write_bytes(b"")


def make_folder(path, draw):
    remove(path, draw)
    path.mkdir()


def make_file(path, draw):
    remove(path, draw)
    path.write_bytes(draw(st.sampled_from([b"", b"x", b"{}\n", b"[]\n", b"null\n"])))


def flip(path, draw):
    assume(path.is_file() and path.stat().st_size)
    content = bytearray(path.read_bytes())
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(content) - 1))
        content[at] = draw(st.integers(0, 255))
    path.write_bytes(content)


def cut_line(path, draw):
    assume(path.suffix in (".json", ".jsonl", ".yaml", ".sha256"))
    assume(path.is_file())
    lines = path.read_bytes().splitlines(keepends=True)
    assume(lines)
    del lines[draw(st.integers(0, len(lines) - 1))]
    path.write_bytes(b"".join(lines))


def replace_value(path, draw):
    """A value of a JSON file becomes another: of the wrong type, most of the time."""
    assume(path.suffix in (".json", ".jsonl", ".yaml") and path.is_file())
    words = path.read_bytes().split(b": ")
    assume(len(words) > 1)
    at = draw(st.integers(1, len(words) - 1))
    end = words[at][len(words[at].rstrip(b',}] \n"abcdefghijklmnopqrstuvwxyz_')) :]
    new = draw(
        st.sampled_from([b"null", b"[]", b"{}", b'"x"', b"-1", b"1e999", b"true"])
    )
    rest = words[at].partition(b",")[2] if b"," in words[at] else end.lstrip(b'"')
    words[at] = new + (b"," + rest if b"," in words[at] else b"\n" + rest)
    path.write_bytes(b": ".join(words))


def take_permission(path, draw):
    path.chmod(0)


HARM = [remove, truncate, double, rename, swap, make_empty, make_folder, make_file]
HARM += [flip, cut_line, replace_value, take_permission]


def contents(folder):
    return {
        path.relative_to(folder): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and os.access(path, os.R_OK)
    }


def places():
    """What can be harmed: every file and folder of a run, and the run itself.

    Checkpoints have many files that matter little; the others come up more often.
    """
    run = make_run() / "runs" / "run"
    every = sorted(path.relative_to(run) for path in run.rglob("*"))
    results = [path for path in every if path.parts[0] != "checkpoints"]
    return [Path("."), *every, *results * 5]


def finite(runs):
    """Whether what can be read of some runs is finite: a row each for what is there."""
    mistakes = []
    with note_mistakes(mistakes):
        rows = read_rows(runs)
        return bool(np.isfinite(rows["value"].to_numpy(float)).all())
    return True


@pytest.fixture(scope="module", autouse=True)
def cases():
    yield
    refused = sum(number for (_, mistake), number in CASES.items() if mistake)
    print(f"{sum(CASES.values())} harmed runs, {refused} of them refused")


@given(st.data())
def test_a_harmed_run_is_finite_rows_or_one_line(data):
    with tempfile.TemporaryDirectory() as place:
        run = copy_run(Path(place) / "all")
        runs = run.parent
        for _ in range(data.draw(st.integers(1, 2), "how many harms")):
            path = run / data.draw(st.sampled_from(places()), "where")
            assume(path.exists())
            harm = data.draw(st.sampled_from(HARM), "harm")
            harm(path, data.draw)
        assume(runs.is_dir())
        before = contents(runs)
        name = data.draw(st.sampled_from(sorted(ACTIONS)), "then")
        mistakes = []
        with note_mistakes(mistakes):
            ACTIONS[name](runs)
        CASES[name, bool(mistakes)] += 1
        check(place, runs, name, mistakes, before)


def check(place, runs, name, mistakes, before):
    after = contents(runs)
    for line in mistakes:
        assert "\n" not in line and (place in line or "=" in line), line
    assert finite(runs)
    left = [path for path in after if path.name.startswith(".")]
    assert set(left) <= {*before}, "a file half-written"
    if name in READERS:
        assert after == before, "reading writes"
    kept = Counter(after.values())
    for path, content in before.items():
        if "checkpoints" in path.parts:
            assert kept[content], f"{path} is lost"
        if mistakes and path.name not in ("status.json", "1", "log.txt"):
            assert after.get(path) == content, f"{path} was changed by a mistake"
