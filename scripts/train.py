"""Trains a network and evaluates it: `python scripts/train.py [-m] [overrides]`.

A run folder is named by its overrides; the same command finds what is done, goes on
with what is not, and starts what is missing.
"""

from __future__ import annotations

import sys
from pathlib import Path

from command import command
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig


@command("train")
def main(cfg: DictConfig) -> float | None:
    """Runs one job; returns its objective, if one is configured."""
    from research import devices
    from research.run import run
    from research.sweep.objective import objective

    devices.prepare(cfg.root, cfg.distributed)
    job = HydraConfig.get()
    choices = {
        k: v for k, v in job.runtime.choices.items() if not k.startswith("hydra/")
    }
    folder = Path(job.runtime.output_dir)
    run(cfg, folder, choices=choices, command=" ".join(sys.argv))
    return objective(folder, cfg.objective)


if __name__ == "__main__":
    main()
