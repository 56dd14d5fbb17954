"""Progress without a terminal: lines at times, and an estimate before what is slow."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from research import progress
from research.jobs import naming

ROOT = Path(__file__).parent.parent


@pytest.fixture
def clock(monkeypatch):
    """Lines that are said, and a clock that moves when it is told to."""
    now, lines = [100.0], []
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(progress, "say", lines.append)

    def wait(seconds):
        now[0] += seconds

    return wait, lines


def test_a_line_is_said_now_and_then(clock):
    wait, lines = clock
    with progress.bar("run", 1000) as show:
        wait(50)  # to compile: it says nothing of the pace
        show(1, "")
        for step in range(2, 102):
            wait(0.5)
            show(step, "epoch 1  loss 2.300" if step == 30 else "")
    assert lines == [
        "run: 41 of 1,000 steps, epoch 1  loss 2.300, 2 a second, about 8 min left",
        "run: 81 of 1,000 steps, epoch 1  loss 2.300, 2 a second, about 8 min left",
    ]


def test_what_is_short_is_silent(clock):
    wait, lines = clock
    with progress.bar("run", 10) as show:
        for step in range(10):
            wait(1.9)
            show(step + 1, "")
    assert lines == []


def test_what_a_run_had_done_before_is_not_of_its_pace(clock):
    wait, lines = clock
    with progress.bar("run", 1000) as show:
        show(900, "")
        wait(20)
        show(920, "")
    assert lines == ["run: 920 of 1,000 steps, 1 a second, about 80 s left"]


def test_what_takes_long_is_told_when_its_pace_is_known(clock):
    wait, lines = clock
    with progress.counting("run: eval=orbit", "images"):
        progress.count(7)
        progress.expect(1000, "one by one (N takes fewer)")
        wait(15)  # to compile
        progress.count(100)
        wait(10)
        progress.count(100)
        wait(1)
        progress.count(100)
    assert lines[0] == "run: eval=orbit: one by one (N takes fewer): about 80 s"
    assert len(lines) == 1
    progress.count(1)  # nobody counts
    progress.expect(1, "nothing")
    assert len(lines) == 1


def test_what_is_soon_done_needs_no_estimate(clock):
    wait, lines = clock
    with progress.counting("run", "images"):
        progress.expect(300, "one by one")
        for _ in range(3):
            wait(4)
            progress.count(100)
    assert lines == []


def test_the_rest_of_a_sweep_is_estimated(clock):
    wait, _ = clock
    pace = naming.Pace(3)
    wait(60)
    assert pace.step() == "1 of 3 jobs ended, about 2 min left"
    wait(30)
    assert pace.step() == "2 of 3 jobs ended, about 45 s left"
    assert pace.step() == ""


def test_what_all_runs_share_is_said_once(tmp_path):
    alone = tmp_path / "seed=0"
    assert naming.name_briefly(alone) == str(alone)
    names = ["downsample=max,widths=8,16,seed=0", "downsample=none,widths=8,16,seed=0"]
    folders = [tmp_path / name for name in names]
    assert naming.name_all(folders) == "widths=8,16,seed=0"
    briefly = [naming.name_briefly(folder) for folder in folders]
    assert briefly == ["downsample=max", "downsample=none"]


QUICK = """
import runpy, sys
import research.progress as progress
progress.EVERY, progress.WORTH = 0.02, 0.0
sys.argv = sys.argv[1:]
sys.path.insert(0, "scripts")
runpy.run_path(sys.argv[0], run_name="__main__")
"""
TINY = ["data=digits", "model.widths=[2,2]", "model.poolings=1", "data.shape=[28,28,1]"]
TINY += ["data.train_examples=320", "train.epochs=2", "train.batch_size=32"]


@pytest.mark.slow  # a run of each script
def test_the_scripts_say_how_far_they_are(tmp_path):
    """A sweep without a terminal, whose second measure takes brute force."""
    words = ["-m", "downsample=max,none", f"root={tmp_path}", *TINY]
    words += ["eval=[accuracy,orbit]", "eval.orbit.examples=3", "eval.orbit.batch=84"]
    done = subprocess.run(
        [sys.executable, "-c", QUICK, "scripts/train.py", *words],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"JAX_DISABLE_MOST_OPTIMIZATIONS": "1"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    lines = done.stderr.splitlines()
    assert lines[0] == f"{tmp_path}/runs: 2 jobs: 2 started"
    assert lines[1].startswith("all: ") and "downsample" not in lines[1]
    told = [line for line in lines if line.startswith("downsample=max: ")]
    assert any(" of 20 steps, " in line and " left" in line for line in told)
    forecast = "eval=orbit: all 784 shifts of 3 images one by one"
    assert sum(forecast in line for line in told) == 1
    assert any(" of 2,352 images, " in line for line in told)
    assert f"{tmp_path}/runs: 1 of 2 jobs ended, about " in done.stderr
    assert any(line.startswith("downsample=none: accuracy ") for line in lines)
