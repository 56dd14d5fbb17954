"""What was packed is read as the folders were; what is damaged is named."""

import shutil
import subprocess
import sys

import numpy as np
import pytest
import yaml
from fake_runs import fake_run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of
from stores import (
    KEY,
    PARAMS,
    READERS,
    TABLES,
    assert_same,
    measure,
    provenance,
    tables,
    various_runs,
)

from research.errors import UserError
from research.evals.measurement import Measurement
from research.runs import (
    identity,
    read_metrics,
    read_predictions,
    read_rows,
    read_runs,
)
from research.runs.pack import pack
from research.runs.rows import read_arrays, write_measurements
from research.runs.store import done_in, evaluators_in

DTYPES = ["<f4", "<f8", "|b1", "<u2", "<i4", "|u1", "<U3"]


@pytest.fixture
def folders(tmp_path):
    return various_runs(tmp_path / "runs")


def test_tables_of_a_store_are_those_of_its_folders(folders, tmp_path):
    pack(folders, tmp_path / "store")
    read = tables(tmp_path / "store")
    assert_same(tables(folders), read)
    runs, rows, metrics, predictions = read
    assert list(runs["path"]) == sorted(runs["path"]) and len(runs) == 5
    assert set(rows["split"]) == {"test", "validation", "dev"}
    assert set(rows["evaluator"]) == {"shift", "orbit"}
    assert np.isnan(rows.loc[rows["protocol"] == "orbit", "value"]).sum() == 1
    assert rows.loc[rows["evaluator"] == "orbit", "params"].iloc[0] == PARAMS
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
    (run,) = done[identity.training_digest(moved)]
    assert run.path == str(tmp_path / "store/one") and run.config == config
    assert identity.training_digest(config | {"seed": 9}) not in done
    digest = identity.evaluator_digest(config, "shift")
    assert evaluators_in(tmp_path / "store") == {run.path: {"shift": digest}}


def test_a_store_is_read_in_place_of_what_lies_below(folders, tmp_path):
    root = tmp_path / "root"
    fake_run(folders, "odder")
    pack(folders, root / "first")
    fake_run(root, "loose")
    assert len(read_runs(root)) == 7  # folders and the stores below
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


@pytest.mark.parametrize("name", ["provenance.json", "done.json", "config.yaml"])
@pytest.mark.parametrize("content", [b"{", b"a: [", b"", b"\xff\x00"])
def test_a_damaged_run_folder_is_one_line_that_names_the_file(tmp_path, name, content):
    folder = fake_run(tmp_path, "one")
    (folder / name).write_bytes(content)
    with pytest.raises(UserError) as error:
        read_runs(tmp_path)
    line = str(error.value)
    assert line.startswith(f"{folder / name} is damaged: ") and "\n" not in line
    assert "remove" in line.rpartition("; ")[2] and "command" in line


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


def test_a_store_is_read_without_jax(tmp_path):
    pack(fake_run(tmp_path, "one"), tmp_path / "store")
    code = (
        "import sys; from research.runs import read_rows, read_predictions; "
        f"assert len(read_rows({str(tmp_path / 'store')!r})) == 15; "
        f"assert len(read_predictions({str(tmp_path / 'store')!r})) == 15; "
        "assert not {'jax', 'flax', 'tensorflow_datasets'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_arrays_of_an_evaluator_that_no_run_has_are_none(folders, tmp_path):
    pack(folders, tmp_path / "store")
    for root in (folders, tmp_path / "store"):
        assert read_predictions(root, evaluators=["stability"]).empty
        assert read_predictions(root, measures=["nothing"]).empty
