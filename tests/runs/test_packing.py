"""Packing: the same bytes for the same runs, each run once, whole or not at all."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fake_runs import fake_run, fake_sweep
from in_process import call
from stores import (
    KEY,
    READERS,
    TABLES,
    assert_same,
    contents,
    measure,
    tables,
    various_runs,
)

from research.errors import UserError
from research.files.atomic import write_json
from research.files.lines import write_lines
from research.jobs import status
from research.jobs.lock import Lock
from research.runs import parquet, read_predictions, read_rows, read_runs
from research.runs.folders import Folder
from research.runs.pack import pack
from research.runs.rows import read_arrays
from research.runs.store import Store, evaluators_in

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folders(tmp_path):
    return various_runs(tmp_path / "runs")


def test_packing_again_gives_the_same_bytes(folders, tmp_path):
    one, two, three = (tmp_path / name for name in ("one", "two", "three"))
    pack(folders, one)
    once = contents(one)
    assert set(once) == {
        *(f"{table}.parquet" for table in TABLES),
        "store.json",
    }
    shutil.copytree(folders / "odd", tmp_path / "some/odd")
    pack(tmp_path / "some", two)  # in two steps
    pack(folders, two)
    pack(folders, one)
    pack(one, three)  # by way of another store
    assert once == contents(one) == contents(two) == contents(three)


def test_new_folders_join_a_store(tmp_path):
    store = tmp_path / "store"
    for machine, arm in [("a", "max"), ("b", "aps")]:
        fake_sweep(tmp_path / machine, arms=[arm])
        said = pack(tmp_path / machine, store)
    assert said.endswith("packed 2 runs, 0 of them again")
    for machine in "ab":
        shutil.copytree(tmp_path / machine, tmp_path / "all", dirs_exist_ok=True)
    assert_same(tables(tmp_path / "all"), tables(store))


def test_a_run_packed_again_has_its_new_rows_and_keeps_the_others(tmp_path):
    runs, store = tmp_path / "runs", tmp_path / "store"
    folder = fake_run(runs, "one")
    measure(folder, "orbit", 0.25, map=np.zeros(2))
    measure(folder, "location", 0.5, map=np.ones(2))
    pack(runs, store)
    count = len(read_rows(store))
    measure(folder, "orbit", 0.75, map=np.full(2, 7))
    (folder / "eval/location.jsonl").unlink()
    assert pack(runs, store).endswith("packed 1 runs, 1 of them again")
    rows = read_rows(store).set_index("evaluator")
    assert len(rows) == count
    assert rows.loc["orbit", "value"] == 0.75 and rows.loc["location", "value"] == 0.5
    for name, value in {"orbit": 7, "location": 1}.items():
        assert (read_arrays(store / "one", name)[KEY] == value).all()


def test_parameters_of_rows_that_stay_are_known(tmp_path):
    runs, store = tmp_path / "runs", tmp_path / "store"
    folder = fake_run(runs, "one")
    measure(folder, "orbit", 0.5)
    for measured in ({"shift": "a", "orbit": "b"}, {"shift": "c"}):
        write_json(folder / "done.json", {"evaluators": measured})
        pack(runs, store)
        (folder / "eval/orbit.jsonl").unlink(missing_ok=True)
    assert evaluators_in(store) == {str(store / "one"): {"shift": "c", "orbit": "b"}}


def test_columns_do_not_depend_on_the_order_of_packing(tmp_path):
    runs, store = tmp_path / "runs", tmp_path / "store"
    for name, logged in {"a": "z", "b": "y", "c": "x"}.items():
        write_lines(fake_run(runs, name) / "metrics.jsonl", [{"step": 1, logged: 2}])
    for name in "acb":
        shutil.copytree(runs / name, tmp_path / name / name)
        pack(tmp_path / name, store)
    assert_same(tables(runs), tables(store))
    pack(runs, tmp_path / "at once")
    assert contents(store) == contents(tmp_path / "at once")


def test_another_training_of_the_name_replaces_the_run(tmp_path):
    runs, store = tmp_path / "runs", tmp_path / "store"
    measure(fake_run(runs, "one"), "orbit", 0.25)
    pack(runs, store)
    shutil.rmtree(runs)
    fake_run(runs, "one", config={"train": {"epochs": 3}})
    pack(runs, store)
    assert_same(tables(runs), tables(store))
    assert set(read_rows(store)["evaluator"]) == {"shift"}


def test_only_some_arrays_are_kept(folders, tmp_path):
    pack(folders, tmp_path / "store", ["*/map", "shift/accuracy/*"])
    kept = read_predictions(tmp_path / "store")
    assert set(kept["name"]) == {"map", "examples"} and len(kept) == 3 + 5
    assert_same(
        [read_predictions(folders / "odd", measures=["agreement"], names=["map"])],
        [
            read_predictions(folders / "odd", evaluators=["orbit"])
            .query("name=='map'")
            .reset_index(drop=True)
        ],
    )


@pytest.fixture
def half_packed(tmp_path, monkeypatch):
    """A store of `one`, but that metrics and predictions are of `one` and `two`."""
    runs, store = tmp_path / "runs", tmp_path / "store"
    fake_run(runs, "one")
    pack(runs, store)
    index = (store / parquet.INDEX).read_bytes()
    fake_run(runs, "two")
    replace, moves = parquet.os.replace, []

    def killed(source, target):
        if str(store / parquet.WRITTEN) in str(source):
            moves.append(target)
            if len(moves) == 3:
                raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(parquet.os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        pack(runs, store)
    monkeypatch.undo()
    assert (store / parquet.INDEX).read_bytes() == index  # it comes last
    monkeypatch.setattr(parquet, "PAUSE", 0)
    return store


def test_a_kill_between_two_files_is_mended_by_packing_again(half_packed):
    store, runs = half_packed, half_packed.parent / "runs"
    with pytest.raises(UserError, match="is not the file that"):
        [read(store) for read in READERS]
    shutil.rmtree(runs / "one")  # what only the store holds is not lost
    pack(runs / "two", store)
    assert set(read_runs(store)["run"]) == {"one", "two"}
    assert len(contents(store)) == 5


def test_a_store_is_read_while_it_is_packed_anew(half_packed, monkeypatch):
    """A reader between two of its files waits for the others."""
    waits = []

    def go_on(seconds):
        waits.append(seconds)
        parquet.finish(half_packed)

    monkeypatch.setattr(parquet.time, "sleep", go_on)
    metrics = Store(half_packed).metrics()
    assert {Path(path).name for path in metrics["path"]} == {"one", "two"}
    assert len(waits) == 1


def test_tables_of_two_packings_are_not_mixed(tmp_path):
    fake_run(tmp_path / "runs", "one")
    pack(tmp_path / "runs", tmp_path / "store")
    store = Store(tmp_path / "store")
    assert [run.provenance["run"] for run in store.runs()] == ["one"]
    fake_run(tmp_path / "runs", "two")
    pack(tmp_path / "runs", tmp_path / "store")
    with pytest.raises(UserError, match="store was packed anew while it was read"):
        store.rows()


def test_a_run_that_others_measure_is_packed_another_time(tmp_path, monkeypatch):
    runs, store = tmp_path / "runs", tmp_path / "store"
    one, _ = fake_run(runs, "one"), fake_run(runs, "two")
    lock = Lock(one)
    assert "packed 1 runs, 0 of them again; left out 1, which" in pack(runs, store)
    with pytest.raises(UserError, match="no finished run there; left out 1, which"):
        pack(one, tmp_path / "other")
    lock.remove()
    rows = Folder.rows

    def measured_meanwhile(folder):
        found = rows(folder)
        if folder.path == one:
            done = status.done(one)
            write_json(one / "done.json", done | {"evaluators": {"shift": "new"}})
        return found

    monkeypatch.setattr(Folder, "rows", measured_meanwhile)
    assert "left out 1" in pack(runs, store)
    assert set(read_runs(store)["run"]) == {"two"}
    monkeypatch.undo()
    pack(runs, store)
    assert set(read_runs(store)["run"]) == {"one", "two"}


def test_a_run_that_cannot_be_packed_leaves_the_store_as_it_was(folders, tmp_path):
    store = tmp_path / "store"
    pack(folders, store)
    before = contents(store)
    write_lines(
        folders / "odd/metrics.jsonl",
        [{"step": 1, "note": 1}, {"step": 2, "note": "text"}],
    )
    with pytest.raises(UserError, match="metrics: note has values of different types"):
        pack(folders, store)
    (folders / "odd/metrics.jsonl").write_text("no JSON\n")
    with pytest.raises(UserError, match=r"metrics\.jsonl, line 1: not a JSON object"):
        pack(folders, store)
    assert contents(store) == before


def script(*words):
    return subprocess.run(
        [sys.executable, "-W", "error", str(ROOT / "scripts/pack.py"), *words],
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_the_script(folders, tmp_path):
    store = tmp_path / "seed=0,of=it"
    done = script(f"runs={folders}", f"out={store}", "arrays=['*/examples']")
    assert done.returncode == 0, done.stderr
    assert f"{store}: 5 runs, 78 rows" in done.stderr
    assert not done.stdout
    assert set(read_predictions(store)["name"]) == {"examples"}
    assert (
        hashlib.sha256((store / "rows.parquet").read_bytes()).hexdigest()
        in (store / "store.json").read_text()
    )


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["runs=nowhere", "out=there"], "runs=nowhere: no such folder"),
        (["runs=.", "out=there"], "runs=.: no finished run there"),
        (["runs=one"], "out=null: takes a folder, such as out=outputs/packed"),
        (["runs=one", "out="], "out=: takes text or null"),
        (["runs=one", "out=there", "arrays=[map]"], "arrays=map: no array fits; "),
        (["runs=one", "out=./one"], "out=one is the folder of the runs"),
        (["runs=one", "out=one/done.json/x"], "cannot write one/done.json/x"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(tmp_path, monkeypatch, words, reason):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    if "runs=one" in words:
        fake_run(tmp_path, "one")
    before = sorted(tmp_path.rglob("*"))
    status, error = call("pack", *words)
    assert status == 2
    assert error.startswith(f"error: {reason}"), error
    assert error.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before
