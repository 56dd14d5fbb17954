"""Two processes that train one network through the real script, on the loopback."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest
from flax import nnx

from research import config
from research.distributed.hosts import join
from research.errors import UserError
from research.files.lines import read_lines
from research.runs.rows import read_arrays
from research.runs.run import load, run
from research.training.checkpoint import Checkpoints

ROOT = Path(__file__).parents[2]
# Two devices; and compiling takes most of the time.
VARIABLES = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
VARIABLES |= {"JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
LONG = pytest.mark.slow  # three runs, two of them of two processes
OVERRIDES = [
    "model=tiny",
    "data.train_examples=96",
    "train.epochs=6",
    "train.batch_size=32",
    "train.checkpoint_seconds=0.0",
    "train.shard_state=true",
    "eval=[accuracy,orbit,layers]",
    "eval.orbit.examples=7",
    "eval.layers.examples=9",
]


def start(folder, data, overrides, variables=None):
    """Starts the training script with two devices of its own."""
    script = str(ROOT / "scripts/train.py")
    places = [f"hydra.run.dir={folder}", f"data.dir={data}", f"root={folder.parent}"]
    return subprocess.Popen(
        [sys.executable, script, *places, *OVERRIDES, *overrides],
        env=os.environ | (variables or {}) | VARIABLES,
        stderr=subprocess.PIPE,
        text=True,
    )


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def told(folder, data):
    """Starts two of them that are told where they find each other."""
    at = f"distributed.coordinator=127.0.0.1:{free_port()}"
    here = [at, "distributed.processes=2"]
    return [start(folder, data, [*here, f"distributed.process={i}"]) for i in range(2)]


def under_slurm(folder, data):
    """Starts two of them as `srun -n 2` does, which tells them in variables."""
    step = {
        "SLURM_JOB_ID": "7",
        "SLURM_STEP_NODELIST": "127.0.0.1",
        "SLURM_NTASKS": "2",
    }
    step |= {"SLURM_STEP_NUM_NODES": "1", "JAX_COORDINATOR_PORT": str(free_port())}
    ranks = [{"SLURM_PROCID": str(i), "SLURM_LOCALID": str(i)} for i in range(2)]
    auto = ["distributed.coordinator=auto"]
    return [start(folder, data, auto, step | rank) for rank in ranks]


def ended(processes):
    errors = [process.communicate(timeout=240)[1] for process in processes]
    return [process.returncode for process in processes], errors


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A run of one process; one of two, of which the second was told to stop midway."""
    root = tmp_path_factory.mktemp("hosts")
    one, two = root / "one", root / "two"
    cfg = config.compose(*OVERRIDES, f"data.dir={root / 'data'}")
    run(cfg, one, choices={}, command="")
    first = told(two, root / "data")
    while not (two / "checkpoints/3.sha256").exists() and first[0].poll() is None:
        time.sleep(0.005)
    first[1].send_signal(signal.SIGTERM)
    stopped = *ended(first), Checkpoints(two / "checkpoints").steps()
    assert not (two / "done.json").exists()
    return one, two, stopped, ended(under_slurm(two, root / "data"))


@LONG
def test_a_signal_to_one_process_stops_both_and_saves(runs):
    codes, errors, steps = runs[2]
    assert codes == [128 + signal.SIGTERM] * 2, errors
    assert 0 < steps[-1] < 18


@LONG
def test_two_processes_finish_what_one_would(runs):
    one, two, _, (codes, errors) = runs
    assert codes == [0, 0], errors
    for a, b in zip(*(parameters(folder) for folder in (one, two)), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


def parameters(folder):
    """As restored here: in one process, on one device, whole."""
    return [
        np.asarray(x) for x in jax.tree.leaves(nnx.state(load(folder)[1], nnx.Param))
    ]


@LONG
def test_every_row_is_there_once_and_says_the_same(runs):
    one, two, _, _ = runs
    rows = [read_lines(folder / "metrics.jsonl") for folder in (one, two)]
    assert [row["epoch"] for row in rows[1]] == list(range(1, 7))
    for a, b in zip(*rows, strict=True):
        assert a["examples"] == b["examples"] == 96
        assert a["loss"] == pytest.approx(b["loss"], rel=1e-4)
    for name in ("accuracy", "orbit", "layers"):
        ours, theirs = (read_arrays(folder, name) for folder in (one, two))
        assert set(ours) == set(theirs)
        for key, values in ours.items():
            assert values.shape == theirs[key].shape, key
            different = ~np.isclose(values, theirs[key], atol=1e-3)
            assert different.mean() < 0.02, key  # a tie may fall the other way
    assert sorted(p.name for p in one.iterdir()) == sorted(
        p.name for p in two.iterdir()
    )


@LONG
def test_only_the_first_process_speaks(runs):
    _, errors = runs[3]
    assert "accuracy" in errors[0] and "accuracy" not in errors[1]


def test_what_is_missing_to_join_is_named():
    with pytest.raises(UserError, match=r"distributed.processes=N"):
        join("127.0.0.1:1")
