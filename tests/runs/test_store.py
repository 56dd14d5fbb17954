"""What was packed is read as the folders were, and a store is whole or untouched."""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from fake_runs import fake_run, fake_sweep
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from research.errors import UserError
from research.evals.measurement import Measurement
from research.files.lines import write_lines
from research.runs import (
    identity,
    parquet,
    read_metrics,
    read_predictions,
    read_rows,
    read_runs,
)
from research.runs.pack import pack
from research.runs.rows import named, read_arrays, write_measurements
from research.runs.store import done_in, evaluators_in

ROOT = Path(__file__).parents[2]
READERS = (read_runs, read_rows, read_metrics, read_predictions)
KEY = "orbit,all=True,amounts=[1, 2.5],norm=None/agreement/map"
TABLES = ("runs", "rows", "metrics", "predictions")
DTYPES = ["<f4", "<f8", "|b1", "<u2", "<i4", "|u1", "<U3"]


def provenance(folder):
    return json.loads((folder / "provenance.json").read_text())


def measure(folder, file, value, split="test", **arrays):
    one = Measurement(
        *("orbit", "agreement", value, 5),
        params={"amounts": [1, 2.5], "norm": None, "all": True},
        arrays={name: np.asarray(array) for name, array in arrays.items()},
    )
    write_measurements(folder, file, [one], provenance(folder), split)


@pytest.fixture
def folders(tmp_path):
    """Runs of several kinds: of other choices, splits and columns, one unfinished."""
    root = tmp_path / "runs"
    fake_sweep(root / "deep", seeds=2, arms=["max", "aps"])
    odd = fake_run(
        root,
        "odd",
        choices={"model/head": "gap"},
        config={"model": {"widths": [1, 2], "norm": float("inf"), "head": {}}},
    )
    measure(odd, "orbit", float("nan"), map=np.zeros((2, 3, 3)), none=np.zeros((0, 4)))
    for number, split in enumerate(["validation", "dev"]):
        file = named("orbit", split, "test")
        measure(odd, file, number, split, map=np.full((2, 3, 3), number))
    logged = [{"step": 1, "extra": None}, {"step": 2, "extra": 3, "note": "ä"}]
    write_lines(odd / "metrics.jsonl", logged)
    fake_run(root, "unfinished", done=False)
    return root


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


def test_tables_of_a_store_are_those_of_its_folders(folders, tmp_path):
    pack(folders, tmp_path / "store")
    read = tables(tmp_path / "store")
    assert_same(tables(folders), read)
    runs, rows, metrics, predictions = read
    assert list(runs["path"]) == sorted(runs["path"]) and len(runs) == 5
    assert set(rows["split"]) == {"test", "validation", "dev"}
    assert set(rows["evaluator"]) == {"shift", "orbit"}
    assert np.isnan(rows.loc[rows["protocol"] == "orbit", "value"]).sum() == 1
    assert rows.loc[rows["evaluator"] == "orbit", "params"].iloc[0] == {
        "amounts": [1, 2.5],
        "norm": None,
        "all": True,
    }
    config = runs.set_index("run").loc["odd", "config"]
    assert config["model.norm"] == float("inf") and config["model.widths"] == [1, 2]
    assert metrics.loc[metrics["path"] == "odd", "loss"].isna().all()
    assert len(predictions) == 5 * 15 + 4


@given(
    st.lists(
        st.sampled_from(DTYPES).flatmap(
            lambda dtype: arrays_of.arrays(
                dtype,
                arrays_of.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5),
                elements={"allow_nan": False} if "f" in dtype else None,
            )
        ),
        max_size=3,
    ),
    st.dictionaries(
        st.text("abcä_=,/", min_size=1, max_size=4),
        st.none() | st.booleans() | st.integers(-9, 9) | st.text("aé,/=", max_size=4),
        max_size=3,
    ),
    st.none() | st.floats(allow_infinity=False, allow_nan=False, width=32),
)
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_row_and_array_comes_back(tmp_path, arrays, params, value):
    root, store = tmp_path / "runs", tmp_path / "store"
    for place in (root, store):
        shutil.rmtree(place, ignore_errors=True)
    folder = fake_run(root, "one")
    one = Measurement(
        *("zero", "mac", np.nan if value is None else value, 1),
        params=params,
        arrays={f"a{number}": array for number, array in enumerate(arrays)},
    )
    write_measurements(folder, "mac", [one], provenance(folder), "test")
    pack(root, store)
    assert_same(tables(root), tables(store))
    kept = read_predictions(store, evaluators=["mac"])
    assert list(kept["params"]) == [params] * len(arrays)
    for array, other in zip(arrays, kept["array"], strict=True):
        np.testing.assert_array_equal(array, other, strict=True)


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


def test_another_training_of_the_name_replaces_the_run(tmp_path):
    runs, store = tmp_path / "runs", tmp_path / "store"
    measure(fake_run(runs, "one"), "orbit", 0.25)
    pack(runs, store)
    shutil.rmtree(runs)
    fake_run(runs, "one", config={"train": {"epochs": 3}})
    pack(runs, store)
    assert_same(tables(runs), tables(store))
    assert set(read_rows(store)["evaluator"]) == {"shift"}


def test_what_a_store_holds_counts_as_done(tmp_path):
    evaluators = {"shift": {"_target_": "research.evals.shift.Shift", "examples": 9}}
    folder = fake_run(
        tmp_path / "runs", "one", config={"eval": evaluators, "root": "here"}
    )
    (folder / "done.json").write_text('{"steps": 1}')  # as of the first edition
    pack(tmp_path / "runs", tmp_path / "store")
    config = yaml.safe_load((folder / "config.yaml").read_text())
    moved = config | {"root": "elsewhere"}
    done = done_in(tmp_path / "store")
    assert list(done) == [identity.training_digest(moved)]
    run = done[identity.training_digest(moved)]
    assert run.path == str(tmp_path / "store/one") and run.config == config
    assert identity.training_digest(config | {"seed": 9}) not in done
    digest = identity.evaluator_digest(config, "shift")
    assert evaluators_in(tmp_path / "store") == {run.path: {"shift": digest}}


def test_a_store_is_read_in_place_of_what_lies_below(folders, tmp_path):
    root = tmp_path / "root"
    pack(folders, root / "first")
    fake_run(root, "loose")
    assert len(read_runs(root)) == 6  # folders and the stores below
    assert list(read_runs(root / "first/odd")["run"]) == ["odd"]
    assert len(read_rows(root / "first/deep/downsample=max,seed=0")) == 15
    assert len(read_metrics(root / "first/deep")) == 4 * 24
    assert len(read_predictions(root / "first/deep")) == 4 * 15
    pack(folders / "odd", root)
    assert list(read_runs(root)["path"]) == [str(root / "odd")]


def test_arrays_of_a_run_in_a_store(folders, tmp_path):
    pack(folders, tmp_path / "store")
    for split in ("test", "validation", "dev"):
        for name in ("orbit", "shift"):
            ours, theirs = (
                read_arrays(root / "odd", name, split)
                for root in (folders, tmp_path / "store")
            )
            assert ours.keys() == theirs.keys()
            for key in ours:
                np.testing.assert_array_equal(ours[key], theirs[key], strict=True)
    assert (read_arrays(tmp_path / "store/odd", "orbit", "dev")[KEY] == 1).all()
    with pytest.raises(FileNotFoundError, match="no arrays were kept"):
        read_arrays(tmp_path / "store/odd", "cost")


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


def test_seeds_by_examples(folders, tmp_path):
    pack(folders, tmp_path / "store")
    found = read_predictions(tmp_path / "store", measures=["accuracy"])
    of_arm = found[found["downsample"] == "aps"]
    examples = np.stack(list(of_arm["array"]))
    assert examples.shape == (2, 360) and list(of_arm["seed"]) == [0, 1]
    rows = read_rows(tmp_path / "store").query("measure=='accuracy'")
    values = rows.loc[rows["downsample"] == "aps", "value"]
    np.testing.assert_allclose(examples.mean(1), values)


def test_an_array_without_its_row_is_named(tmp_path):
    folder = fake_run(tmp_path, "one")
    measure(folder, "orbit", 0.5, map=np.zeros(2))
    shutil.copy(folder / "eval/shift.jsonl", folder / "eval/orbit.jsonl")
    with pytest.raises(UserError, match=r"agreement/map of orbit belongs to none"):
        read_predictions(tmp_path)


@pytest.mark.parametrize("name", [f"{t}.parquet" for t in TABLES])
@pytest.mark.parametrize("fault", ["missing", "short", "empty"])
def test_a_damaged_store_is_one_line_that_names_the_file(tmp_path, name, fault):
    store = tmp_path / "store"
    measure(fake_run(tmp_path / "runs", "one"), "orbit", 0.5, map=np.zeros(2))
    pack(tmp_path / "runs", store)
    content = (store / name).read_bytes()
    (store / name).unlink()
    if fault != "missing":
        (store / name).write_bytes(content[:-9] if fault == "short" else b"")
    with pytest.raises(UserError) as error:
        for read in READERS:
            read(store)
    line = str(error.value)
    assert line.startswith(f"{store / name} is ") and "\n" not in line
    assert "git checkout" in line and "scripts/pack.py" in line


def test_an_index_that_is_missing_or_of_another_version(tmp_path):
    store = tmp_path / "store"
    pack(fake_run(tmp_path, "one"), store)
    index = store / "store.json"
    index.write_text(index.read_text().replace('"format": 1', '"format": 2'))
    with pytest.raises(UserError, match=r"store\.json: format=2: this code reads 1"):
        read_runs(tmp_path)
    index.unlink()
    with pytest.raises(UserError, match=r"store\.json is missing: .*git checkout"):
        read_runs(tmp_path)


def test_a_kill_between_two_files_is_mended_by_packing_again(tmp_path, monkeypatch):
    runs, store = tmp_path / "runs", tmp_path / "store"
    fake_run(runs, "one")
    pack(runs, store)
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
    with pytest.raises(UserError, match="is not the file that"):
        [read(store) for read in READERS]
    shutil.rmtree(runs / "one")  # what only the store holds is not lost
    pack(runs / "two", store)
    assert set(read_runs(store)["run"]) == {"one", "two"}
    assert len(contents(store)) == 5


def test_a_run_that_cannot_be_packed_leaves_the_store_as_it_was(folders, tmp_path):
    store = tmp_path / "store"
    pack(folders, store)
    before = contents(store)
    write_lines(folders / "odd/metrics.jsonl", [{"note": 1}, {"note": "text"}])
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
        (["runs=one"], "out=None: takes a folder, such as out=outputs/packed"),
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
    done = script(*words)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {reason}"), done.stderr
    assert done.stderr.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_a_store_is_read_without_jax(tmp_path):
    pack(fake_run(tmp_path, "one"), tmp_path / "store")
    code = (
        "import sys; from research.runs import read_rows, read_predictions; "
        f"assert len(read_rows({str(tmp_path / 'store')!r})) == 15; "
        f"assert len(read_predictions({str(tmp_path / 'store')!r})) == 15; "
        "assert not {'jax', 'flax', 'tensorflow_datasets'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
