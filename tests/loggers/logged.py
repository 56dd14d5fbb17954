"""Runs that log, in this process or killed in one of their own; what they logged."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from finished_run import TINY

from research.files.lines import read_lines

ROOT = Path(__file__).parents[2]
# Kills its own process after a step, when that has been told to everybody.
STRIKE = """
import os, signal, sys
from pathlib import Path
from finished_run import train
from research.runs import curves
from research.training.checkpoint import Checkpoints

curves.STEPS, curves.SECONDS = 1, 0.0
folder, stop, *words = sys.argv[1:]
advance = curves.Curves.advance


def strike(self, step, row):
    advance(self, step, row)
    if step == int(stop):
        os.kill(os.getpid(), signal.SIGKILL)


curves.Curves.advance = strike
train(Path(folder), *words)
"""


def run_script(folder, *words, stop=0, **environment):
    """Trains in a process of its own, which is killed −9 after a step, if one is given.

    Returns:
      The process.
    """
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    words = [f"data.dir={folder.parents[1] / 'data'}", *words]
    found = subprocess.run(
        [sys.executable, "-c", STRIKE, str(folder), str(stop), *words],
        env=os.environ | {"PYTHONPATH": paths} | environment,
        capture_output=True,
        text=True,
    )
    killed = -signal.SIGKILL if stop else 0
    assert found.returncode == killed, found.stderr
    return found


def read_metrics(folder):
    """The rows of a run, without what differs from one run to the next."""
    times = ("examples_per_second", "input_wait")
    rows = read_lines(folder / "metrics.jsonl")
    return [{k: v for k, v in row.items() if k not in times} for row in rows]


class Kept:
    """Keeps what is logged; a factory of itself."""

    def __init__(self):
        self.values, self.opened, self.closed = [], [], 0

    def __call__(self, folder, step, config):
        self.opened.append((folder, step, config))
        return self

    def log(self, step, values):
        self.values.append((step, dict(values)))

    def close(self):
        self.closed += 1

    def curve(self, name):
        return [(step, found[name]) for step, found in self.values if name in found]


def check_curves(curves, lost=False):
    """The curves of a run of `TINY`, by name: (step, value) each; 8 steps, 2 epochs.

    Args:
      lost: whether a kill −9 may have cost what came before it.
    """
    assert "train.epochs=2" in TINY and "train.batch_size=32" in TINY
    for name in ("loss", "accuracy", "learning_rate", "gradient_norm", "input_wait"):
        steps = [step for step, _ in curves[f"train/{name}"]]
        assert steps == sorted(set(steps)) and steps[-1] == 8
        assert lost or 4 in steps
    assert [step for step, _ in curves["validation/loss"]][-2 + lost :] == [4, 8][lost:]
    assert [step for step, _ in curves["test/accuracy/accuracy"]] == [8]
