"""How long a job takes to its first step, with a full compilation cache."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from research.benchmarks.timing import Row
from research.errors import UserError

SCRIPT = Path(__file__).parent.parent.parent / "scripts" / "train.py"


def startup(*, overrides: Sequence[str], rounds: int, peers: bool) -> Iterator[Row]:
    """Yields rows of a job of one step, from its start to its step and to its end.

    The step is done when its loss is written; the end comes after checkpoint and
    evaluation. The first launch, which compiles, is not in it.

    Args:
      overrides: of a training of one step.
      rounds: launches that are timed.
      peers: ignored: the jobs are our own.
    """
    del peers
    first, fresh, second = [], [], []
    with TemporaryDirectory() as root:
        for launch in range(rounds + 1):
            begun = time.time()
            folders, seconds = launch_pair(root, launch, overrides)
            first.append((folders[0] / "metrics.jsonl").stat().st_mtime - begun)
            ends = [json.loads((at / "done.json").read_text()) for at in folders]
            fresh.append(seconds - ends[1]["seconds"])
            second.append(ends[1]["seconds"])
    cases = {
        "a fresh process, to the end of its first step": first[1:],
        "a fresh process, to the end of a job of one step": fresh[1:],
        "the second job of a multirun, to its end": second[1:],
    }
    for case, taken in cases.items():
        values = np.array(taken)
        yield Row(
            case=case,
            subject="ours",
            value=float(np.median(values)),
            low=float(values.min()),
            high=float(values.max()),
            unit="s",
        )


def launch_pair(
    root: str, launch: int, overrides: Sequence[str]
) -> tuple[list[Path], float]:
    """Runs a multirun of two seeds; returns its run folders in order, and seconds."""
    name, seeds = f"launch{launch}", (2 * launch, 2 * launch + 1)
    words = [*overrides, f"seed={seeds[0]},{seeds[1]}", f"root={root}", f"name={name}"]
    begun = time.perf_counter()
    command = [sys.executable, str(SCRIPT), "-m", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        reasons = done.stderr.splitlines() or [f"status {done.returncode}"]
        raise UserError(f"benchmark startup: {reasons[-1].removeprefix('error: ')}")
    seconds = time.perf_counter() - begun
    found = Path(root, name).glob("*seed=*")
    return sorted(found, key=lambda at: (at / "done.json").stat().st_mtime), seconds
