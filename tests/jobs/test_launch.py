"""Sweeps through the real script: shared, stopped, repeated, searched."""

import json
import os
import signal
import subprocess
import time

import pytest
from chaos import ONE_DEVICE, sweep
from in_process import call

from research.jobs import overview
from research.jobs.status import read

LOCAL = ["hydra/launcher=local", "hydra.launcher.jobs=2", "hydra.launcher.gpus=0"]
QUIET = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}


def start(root, jobs, epochs, *more):
    line = sweep(root, jobs, epochs, *more)
    return subprocess.Popen(line, env=os.environ | ONE_DEVICE, **QUIET)


def ended(process, status=0):
    output, errors = process.communicate(timeout=200)
    assert process.returncode == status, errors
    return errors


def states(root):
    return [line.status.state for line in overview.jobs(root)]


def until(condition, *processes):
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end
        assert all(process.poll() is None for process in processes)
        time.sleep(0.02)


@pytest.mark.slow  # two launchers and their workers
def test_two_launches_share_a_sweep_and_run_no_job_twice(tmp_path):
    launches = [start(tmp_path, 4, 10) for _ in range(2)]
    for launch in launches:
        ended(launch)
    known = [line.status for line in overview.jobs(tmp_path)]
    assert [(one.state, one.attempts) for one in known] == [("done", 1)] * 4
    assert len({one.owner for one in known}) == 2, "one launch has done all the work"


@pytest.mark.slow  # three launches
def test_one_jobs_end_is_its_own_and_is_not_forgotten(tmp_path):
    line = [*LOCAL, "train.batch_size=32,999"]  # the second cannot be
    error = ended(start(tmp_path, 1, 2, *line), status=2)
    assert "2 jobs: 2 started" in error and "1 of 2 jobs left no result" in error
    assert sorted(states(tmp_path)) == ["done", "failed"]
    (failed,) = (line for line in overview.jobs(tmp_path) if line.status.error)
    assert "train.batch_size=999" in failed.status.error
    assert "train.batch_size=999" in (tmp_path / failed.name / "log.txt").read_text()

    again = ended(start(tmp_path, 1, 2, *line, "retry=none"))
    assert "1 done already, 1 failed: left alone" in again
    again = ended(start(tmp_path, 2, 2, *line, "retry=failed"), status=2)
    assert "1 done already, 1 failed: run again, 2 not failed: left alone" in again
    assert read(tmp_path / failed.name).attempts == 2
    assert "retry=some: takes all, failed or none" in ended(
        start(tmp_path, 1, 2, *line, "retry=some"), status=2
    )


@pytest.mark.slow  # a launcher and its workers
def test_a_launcher_that_is_told_to_stop_saves_its_jobs(tmp_path):
    launch = start(tmp_path, 2, 2000, *LOCAL)
    folders = tmp_path / "chaos"
    until(
        lambda: (
            all(read(path.parent).step for path in folders.glob("*/status.json"))
            and len(list(folders.glob("*/checkpoints/*.sha256"))) >= 2
        ),
        launch,
    )
    launch.send_signal(signal.SIGTERM)
    ended(launch, status=128 + signal.SIGTERM)
    assert states(tmp_path) == ["preempted"] * 2
    for line in overview.jobs(tmp_path):
        assert "saved at step" in line.status.error
        assert list((tmp_path / line.name / "checkpoints").glob("*.sha256"))


@pytest.mark.slow  # a search, twice
def test_a_search_finds_its_trials_again(tmp_path):
    rate = "optim.learning_rate=tag(log,interval(1e-4,1e-1))"
    search = ["hydra/sweeper=search", "objective=validation.loss", rate]
    first = ended(start(tmp_path, 1, 2, *search, "hydra.sweeper.trials=2"))
    assert "validation.loss" in first and " optim.learning_rate=0.0" in first
    longer = ended(start(tmp_path, 1, 2, *search, "hydra.sweeper.trials=3"))
    assert "2 jobs: 2 done already" in longer and "1 jobs: 1 started" in longer
    found = json.loads((tmp_path / "chaos" / "search.json").read_text())
    values = [trial["objective"] for trial in found["trials"]]
    assert len(values) == 3 and found["value"] == min(values)
    rates = [trial["values"]["optim.learning_rate"] for trial in found["trials"]]
    assert all(1e-4 <= rate <= 1e-1 for rate in rates) and len(set(rates)) == 3
    best = rates[values.index(min(values))]
    assert found["best"] == ["seed=0", f"optim.learning_rate={best}"]


@pytest.mark.parametrize(
    "overrides, words",
    [
        (["hydra/sweeper=search"], "objective=SPLIT.MEASURE"),
        (["hydra/launcher=local", "hydra.launcher.jobs=0"], "hydra.launcher.jobs=0"),
    ],
)
def test_mistakes_of_a_sweep_get_one_line(tmp_path, overrides, words):
    status, error = call("train", *map(str, sweep(tmp_path, 1, 2, *overrides)[2:]))
    assert status == 2
    assert words in error and error.count("\n") == 1, error


@pytest.mark.parametrize(
    "script, swept",
    [
        ("train", "eval=accuracy,cost"),
        ("train", "split=test,validation"),
        ("train", "train.steps_per_dispatch=1,2"),
        ("evaluate", "eval=accuracy,cost"),
    ],
)
def test_jobs_that_would_have_one_folder_are_refused(tmp_path, script, swept):
    """All but the last were passed over without a word."""
    key, _, values = swept.partition("=")
    first, second = (f"{key}={value}" for value in values.split(","))
    status, error = call(script, "-m", swept, "model=tiny", f"root={tmp_path}")
    assert status == 2 and error.count("\n") == 1, error
    assert error.startswith(
        f"error: {first} {second}: these jobs would have one folder"
    )
    assert not list(tmp_path.rglob("status.json"))


def test_the_same_job_twice_is_one(tmp_path):
    words = ["-m", "retry=failed", "model=tiny", f"root={tmp_path}"]
    for same in ("seed=1,1", "+claims.c1=a,b"):
        status, error = call("train", *words, same)
        assert status == 0 and "2 jobs: 1 not failed: left alone" in error, error
