"""Trains a network and evaluates it: `python scripts/train.py [-m] [overrides]`.

A run folder is named by its overrides; the same command finds what is done, goes on
with what is not, and starts what is missing. `experiment=c3,c5 scale=smoke|cpu|full`
runs whole experiments: every point of them, each once; `only=primary` what decides.
"""

from __future__ import annotations

import sys
from pathlib import Path

from command import MISTAKE, command
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig


@command("train")
def main(cfg: DictConfig) -> float | None:
    """Runs one job; returns its objective, if one is configured."""
    from research.distributed import devices
    from research.jobs.objective import objective
    from research.runs.run import run

    devices.prepare(cfg.root, cfg.distributed)
    job = HydraConfig.get()
    choices = {
        k: v for k, v in job.runtime.choices.items() if not k.startswith("hydra/")
    }
    folder = Path(job.runtime.output_dir)
    run(
        cfg,
        folder,
        choices=choices,
        command=" ".join(sys.argv),
        overrides=list(job.overrides.task),
    )
    return objective(folder, cfg.objective)


def every(words: list[str]) -> int:
    """Runs a command line, or each part of the experiments it names; the exit status.

    A mistake in one part spares the others.
    """
    from research.claims.experiments import commands
    from research.errors import UserError

    worst = 0
    try:
        for part in commands(words):
            sys.argv[1:] = part
            try:
                main()
            except SystemExit as stop:
                if stop.code != MISTAKE:
                    raise
                worst = MISTAKE
            forget_programs()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return MISTAKE
    return worst


def forget_programs() -> None:
    """Frees what was compiled for a part: the next one needs other programs."""
    if "jax" in sys.modules:
        import jax

        jax.clear_caches()


if __name__ == "__main__":
    sys.exit(every(sys.argv[1:]))
