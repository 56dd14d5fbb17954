"""Trains a network and evaluates it: `python scripts/train.py [-m] [overrides]`.

A run folder is named by its overrides; the same command finds what is done, goes on
with what is not, and starts what is missing. `experiment=c3,c5 scale=smoke|cpu|full`
trains each point that these claims name once; `only=primary` limits it to those that
decide, `tune=never` leaves learning rates as they are.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from command import command
from command_line import is_showing, list_folders
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig


@command("train")
def main(cfg: DictConfig) -> float | None:
    """Runs one job; returns its objective, if one is configured."""
    from research.distributed import devices
    from research.jobs.objective import objective
    from research.runs.run import run

    devices.prepare(cfg.root, cfg.distributed, deterministic=cfg.deterministic)
    job = HydraConfig.get()
    choices = {
        k: v for k, v in job.runtime.choices.items() if not k.startswith("hydra/")
    }
    folder = Path(job.runtime.output_dir)
    done = run(
        cfg,
        folder,
        choices=choices,
        command=" ".join(sys.argv),
        overrides=list(job.overrides.task),
    )
    return objective(folder, cfg.objective) if done else None


def with_sweeper(words: Sequence[str]) -> list[str]:
    """Returns a command line whose claims go to the sweeper that knows their points.

    `experiment=c3 scale=cpu only=primary …`: a command line that names only
    options of `conf/experiment/` stays as it is.
    """
    given = dict(word.split("=", 1) for word in words if "=" in word)
    names = given.get("experiment", "").split(",")
    folders = list_folders(words)
    files = [[one / "experiment" / f"{name}.yaml" for one in folders] for name in names]
    if names in ([""], ["null"]) or all(any(map(Path.is_file, each)) for each in files):
        return list(words)
    moved = {key: given[key] for key in ("scale", "only", "tune") if key in given}
    rest = [
        word
        for word in words
        if word.partition("=")[0] not in ("experiment", *moved, "-m", "--multirun")
    ]
    ours = ["hydra/sweeper=points", f"hydra.sweeper.claims=[{','.join(names)}]"]
    sweeping = [] if any(map(is_showing, words)) else ["-m"]
    return [
        *sweeping,
        *ours,
        *(f"hydra.sweeper.{k}={v}" for k, v in moved.items()),
        *rest,
    ]


if __name__ == "__main__":
    sys.argv[1:] = with_sweeper(sys.argv[1:])
    main()
