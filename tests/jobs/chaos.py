"""A sweep under fire: `python tests/jobs/chaos.py --jobs 40 --kills 60`.

Runs a sweep undisturbed, and again with kill -9 of its workers and of its launcher at
random moments, issuing the same command until it reports that all is done. Then every
result of the one must be that of the other, bit for bit: all that the last checkpoint
holds, the rows of training and of evaluation, the predictions behind them.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

from research.files.lines import read_lines
from research.jobs.status import read

ROOT = Path(__file__).parent.parent.parent
JOB = [f"--config-dir={Path(__file__).parent / 'conf'}", "experiment=chaos"]
# Sums over two devices and over one are rounded differently.
ONE_DEVICE = {"XLA_FLAGS": "--xla_force_host_platform_device_count=1"}
CLOCK = {"examples_per_second", "input_wait"}  # all in a row that may differ


@dataclasses.dataclass
class Figures:
    """What happened."""

    jobs: int
    launches: int = 0
    workers: int = 0
    launchers: int = 0
    attempts: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        return (
            f"{self.jobs} jobs bit-equal after {self.workers} workers and "
            f"{self.launchers} launchers were killed -9: {self.launches} launches, "
            f"{self.attempts} attempts, {self.seconds:.0f} s"
        )


def sweep(root: Path, jobs: int, epochs: int, *more: str) -> list[str]:
    """Returns the command of the sweep."""
    script = str(ROOT / "scripts" / "train.py")
    own = [f"root={root}", f"train.epochs={epochs}", f"seed=range({jobs})"]
    return [sys.executable, script, "-m", *JOB, *own, *more]


def disturbed(
    command: list[str], figures: Figures, *, kills: int, launchers: int, seed: int
) -> None:
    """Issues a command until it reports success, killing what it started meanwhile.

    Args:
      command: of a sweep by the local launcher.
      figures: counts what happens.
      kills: how many processes to kill.
      launchers: how many of these are the launcher, as long as it lives.
      seed: of the choice of moments and victims.
    """
    draw = random.Random(seed)
    plan = [True] * launchers + [False] * (kills - launchers)
    draw.shuffle(plan)
    begun = time.monotonic()
    while True:
        figures.launches += 1
        launcher = subprocess.Popen(
            command, env=os.environ | ONE_DEVICE, stderr=subprocess.DEVNULL
        )
        while launcher.poll() is None:
            try:
                launcher.wait(draw.uniform(0.5, 4.0) if plan else None)
            except subprocess.TimeoutExpired:
                workers = children(launcher.pid)
                if plan[-1]:
                    launcher.kill()
                    figures.launchers += 1
                elif workers:
                    os.kill(draw.choice(workers), signal.SIGKILL)
                    figures.workers += 1
                else:
                    continue
                plan.pop()
        if launcher.returncode == 0:
            break
    figures.seconds = time.monotonic() - begun


def children(pid: int) -> list[int]:
    """Returns the processes that a process has started and that live."""
    try:
        words = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:  # it has ended
        return []
    return [int(word) for word in words]


def compare(whole: Path, mended: Path) -> int:
    """Makes sure that two sweeps have the same results; returns how many jobs."""
    names = [
        sorted(f.parent.name for f in r.rglob("done.json")) for r in (whole, mended)
    ]
    assert names[0] == names[1], names
    for name in names[0]:
        one, two = (root / "chaos" / name for root in (whole, mended))
        for file in ("metrics.jsonl", "eval/accuracy.jsonl"):
            rows = [unclocked(folder / file) for folder in (one, two)]
            assert rows[0] == rows[1], (name, file)
            assert len(set(map(str, rows[0]))) == len(rows[0]), (name, file)
        for left, right in zip(arrays(one), arrays(two), strict=True):
            assert left.dtype == right.dtype and left.tobytes() == right.tobytes(), name
        assert not (two / "lock").exists(), name
    return len(names[0])


def unclocked(path: Path) -> list[dict]:
    """Returns the rows of a file without what depends on the clock."""
    rows = read_lines(path)
    return [{k: v for k, v in row.items() if k not in CLOCK} for row in rows]


def arrays(folder: Path) -> list[np.ndarray]:
    """Returns all that the last checkpoint of a run and its predictions hold."""
    import jax
    import orbax.checkpoint as ocp

    last = max(int(path.stem) for path in (folder / "checkpoints").glob("*.sha256"))
    path = folder / "checkpoints" / str(last)
    with warnings.catch_warnings():  # of the devices, which do not matter here
        warnings.simplefilter("ignore")
        state = ocp.PyTreeCheckpointer().restore(path.absolute())
    with np.load(folder / "eval" / "accuracy.npz") as predictions:
        values = [predictions[name] for name in sorted(predictions)]
    return [np.asarray(leaf) for leaf in jax.tree.leaves(state)] + values


def chaos(
    root: Path,
    *,
    jobs: int,
    epochs: int,
    kills: int,
    launchers: int,
    parallel: int = 2,
    seed: int = 0,
) -> Figures:
    """Runs both sweeps below `root` and compares them; see the module."""
    figures = Figures(jobs)
    whole, mended = root / "whole", root / "mended"
    quiet = {"check": True, "stderr": subprocess.DEVNULL}
    subprocess.run(sweep(whole, jobs, epochs), env=os.environ | ONE_DEVICE, **quiet)
    local = ["hydra/launcher=local", f"hydra.launcher.jobs={parallel}"]
    local += ["hydra.launcher.gpus=0"]  # else a single GPU would have one at a time
    command = sweep(mended, jobs, epochs, *local)
    disturbed(command, figures, kills=kills, launchers=launchers, seed=seed)
    assert compare(whole, mended) == jobs
    found = [read(path.parent) for path in mended.rglob("done.json")]
    figures.attempts = sum(known.attempts for known in found)
    assert all(known.state == "done" for known in found)
    return figures


def main() -> None:
    """Runs it and prints its figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0])
    parser.add_argument("--jobs", type=int, default=40)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--launchers", type=int, default=12)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--parallel", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    given = vars(parser.parse_args())
    with tempfile.TemporaryDirectory() as root:
        print(chaos(Path(root), **given))


if __name__ == "__main__":
    main()
