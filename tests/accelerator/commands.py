"""The real scripts, in processes of their own, on networks of seconds."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "jobs"))
from chaos import arrays, unclocked  # noqa: E402

TRAINING = ["data=digits", "data.train_examples=512", "train.batch_size=64"]
TRAINING += ["eval=accuracy", "train.epochs=3"]
# Of several processes on one card, each takes what memory it needs.
BESIDE = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
REHEARSAL = os.environ.get("ACCELERATOR_REHEARSAL") == "1"
PATIENCE = 240  # seconds for a script


def command(script, *words):
    return [sys.executable, str(ROOT / "scripts" / f"{script}.py"), *words]


def run(script, *words, **environment):
    """Runs a script to its end, which must be a good one."""
    done = subprocess.run(
        command(script, *words),
        env=os.environ | BESIDE | environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def train(root, digits, *words, **environment):
    """Trains below `root`; returns the run folder."""
    run("train", f"root={root}", f"data.dir={digits}", *TRAINING, *words, **environment)
    (done,) = Path(root).rglob("done.json")
    return done.parent


def train_killed(root, digits, *words):
    """Trains until a checkpoint is there and the next steps are under way; kill −9."""
    words = [f"root={root}", f"data.dir={digits}", *TRAINING, *words]
    process = subprocess.Popen(
        command("train", *words),
        env=os.environ | BESIDE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    end = time.monotonic() + PATIENCE
    try:
        while not any(Path(root).rglob("checkpoints/*.sha256")):
            assert process.poll() is None, "it ended before it was killed"
            assert time.monotonic() < end, "no checkpoint"
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not any(Path(root).rglob("done.json")), "it ended before it was killed"


def read_losses(folder):
    rows = unclocked(folder / "metrics.jsonl")
    return np.array([row["loss"] for row in rows if row["split"] == "train"])


def assert_equal(one, two):
    """Two run folders hold the same bits: rows, weights, optimiser, predictions."""
    for file in ("metrics.jsonl", "eval/accuracy.jsonl"):
        left, right = (
            [row | {"run": None} for row in unclocked(folder / file)]
            for folder in (one, two)
        )
        assert left == right, file
    for left, right in zip(arrays(one), arrays(two), strict=True):
        assert left.dtype == right.dtype and left.tobytes() == right.tobytes()
