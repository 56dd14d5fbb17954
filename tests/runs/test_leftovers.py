"""What others leave in our folders neither breaks nor counts, whoever reads."""

import os
import runpy
import shutil
import sys
from pathlib import Path

import pytest
from fake_runs import fake_sweep
from finished_run import copy_run, train
from stores import READERS, assert_same

from research import config
from research.errors import UserError
from research.files.leftovers import is_copy, is_leftover, walk
from research.jobs import overview
from research.report.results import Results
from research.runs import read_rows, read_runs
from research.runs.evaluate import evaluate_run
from research.runs.pack import pack

NAMES = [
    *(".DS_Store", "Thumbs.db", "desktop.ini", "Icon\r", "x~", "~$x.jsonl", "x.swp"),
    *("shift (1).jsonl", "shift copy.jsonl", "shift (conflicted copy).jsonl"),
    *("shift.sync-conflict-20260101-000000-ABC.jsonl", "._shift.jsonl", "._done.json"),
    *("done (1).json", "status (1).json", "store (1).json", "provenance (1).json"),
]


def litter(root):
    """Leaves files in every folder, each of them full of what nobody can read."""
    for folder in [root, *(path for path in root.rglob("*") if path.is_dir())]:
        for name in NAMES:
            (folder / name).write_bytes(b"\xff{")


def copy_folders(root):
    """Leaves copies of whole run folders beside them, as people and tools do."""
    runs = sorted(path.parent for path in root.rglob("provenance.json"))
    names = ["{} copy", "{} copy 2", "{} (1)", "{} - Copy", "Copy of {}", "{}.bak"]
    names += ["{} (copy)", "{}.sync-conflict-20260101-000000-ABC", ".{}"]
    for run in runs:
        for name in names:
            shutil.copytree(run, run.with_name(name.format(run.name)))
    shutil.copytree(root, root / ".stversions" / "old")
    shutil.copytree(root / ".stversions" / "old", root / "@eaDir" / "old")


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def states(root):
    return {line.name: line.status for line in overview.jobs(root)}


@pytest.fixture
def sweep(tmp_path):
    return fake_sweep(tmp_path / "runs", seeds=2, arms=["max", "aps"])


@pytest.mark.parametrize("leave", [litter, copy_folders])
def test_readers_see_nothing_of_it(sweep, leave, tmp_path):
    before, jobs = [read(sweep) for read in READERS], states(sweep)
    whole = Results.read(sweep)
    pack(sweep, tmp_path / "store")
    leave(sweep)
    assert_same(before, [read(sweep) for read in READERS])
    assert states(sweep) == jobs
    results = Results.read(sweep)
    assert results.omitted == () and len(results.rows) == len(whole.rows)
    pack(sweep, tmp_path / "again")
    files = ("store.json", "runs.parquet", "rows.parquet", "predictions.parquet")
    for name in files:
        one, other = (tmp_path / place / name for place in ("store", "again"))
        assert one.read_bytes() == other.read_bytes()


def test_a_store_is_read_whatever_lies_in_it(sweep, tmp_path):
    store = tmp_path / "store"
    pack(sweep, store)
    before = [read(store) for read in READERS]
    litter(store)
    (store / "runs (1).parquet").write_bytes(b"x")
    shutil.copytree(sweep, store / "runs")
    assert_same(before, [read(store) for read in READERS])
    pack(sweep, store)
    assert_same(before, [read(store) for read in READERS])


def test_a_run_is_evaluated_and_trained_on_whatever_lies_around(tmp_path):
    run = copy_run(tmp_path)
    kept = contents(run / "checkpoints")
    for folder in (tmp_path, tmp_path / "data"):
        litter(folder)
    shutil.copytree(run / "checkpoints" / "8", run / "checkpoints" / "8 copy")
    rows = (run / "eval" / "accuracy.jsonl").read_bytes()
    overrides = ["eval=accuracy", f"data.dir='{tmp_path / 'data'}'"]
    evaluate_run(config.compose(*overrides, config="eval"), run, overrides=overrides)
    again = (run / "eval" / "accuracy.jsonl").read_bytes()
    assert again.replace(b"-dirty", b"") == rows.replace(b"-dirty", b"")
    (run / "done.json").unlink()
    done = train(run, data=tmp_path / "data")
    assert done["steps"] == 8
    after = contents(run / "checkpoints")
    assert all(after[path] == content for path, content in kept.items())


def test_runs_behind_a_link_are_found_once(sweep, tmp_path):
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / "here").symlink_to(sweep)
    (linked / "loop").symlink_to(linked)
    (linked / "again").symlink_to(sweep / "downsample=max,seed=0")
    assert len(read_runs(linked)) == 4 == len(states(linked))
    assert len(read_rows(linked)) == len(read_rows(sweep))


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_folder_that_cannot_be_read_is_named(sweep):
    (sweep / "locked").mkdir(mode=0)
    with pytest.raises(UserError, match="cannot read .*locked"):
        read_runs(sweep)


def test_a_root_may_have_any_name(tmp_path):
    hidden = fake_sweep(tmp_path / ".runs (1)", seeds=1, arms=["max"])
    assert len(read_runs(hidden)) == 1 == len(states(hidden))


def test_what_only_looks_like_a_copy_counts(tmp_path):
    """There is no original beside it: it was renamed, or is called so."""
    fake_sweep(tmp_path / "sweep (1)", seeds=1, arms=["max"])
    assert len(read_runs(tmp_path)) == 1
    assert not is_copy(tmp_path / "sweep (1)")
    (tmp_path / "sweep").mkdir()
    assert is_copy(tmp_path / "sweep (1)")


@pytest.mark.parametrize(
    "name", ["done.json", "downsample=max,seed=0", "x.jsonl", "copy", "1", "0.5"]
)
def test_results_are_no_leftovers(tmp_path, name):
    assert not is_leftover(name) and not is_copy(tmp_path / name)


def test_evaluation_of_a_pattern_passes_copies_by(tmp_path, monkeypatch, capsys):
    """As a person types it: run_dir='runs/*'."""
    run = copy_run(tmp_path)
    shutil.copytree(run, run.with_name("run copy"))
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "scripts")
    evaluated = []
    monkeypatch.setattr(
        "research.runs.evaluate.evaluate_run",
        lambda cfg, folder, overrides: evaluated.append(folder.name),
    )
    monkeypatch.setattr("research.distributed.devices.prepare", lambda *_, **__: None)
    monkeypatch.setattr(sys, "argv", ["evaluate.py", f"run_dir={run.parent}/*"])
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    script = Path(__file__).parents[2] / "scripts" / "evaluate.py"
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(script), run_name="__main__")
    assert evaluated == ["run"]


def test_a_walk_is_sorted_and_goes_where_it_is_let(tmp_path):
    for name in ("b/c", "a", ".git"):
        (tmp_path / name).mkdir(parents=True)
    found = []
    for folder, below, _ in walk(tmp_path):
        found.append(folder.relative_to(tmp_path).as_posix())
        if folder.name == "b":
            below.clear()
    assert found == [".", "a", "b"]
