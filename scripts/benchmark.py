"""Times ours, plain XLA and PyTorch: `python scripts/benchmark.py step|…|all`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from command import command
from omegaconf import DictConfig


def join_names(words: list[str]) -> list[str]:
    """Turns names of benchmarks into an override, and leaves overrides alone."""
    names = [word for word in words if word.isidentifier()]
    rest = [word for word in words if not word.isidentifier()]
    return ([f"which=[{','.join(names)}]"] if names else []) + rest


@command("benchmark")
def main(cfg: DictConfig) -> None:
    """Runs the benchmarks that were named."""
    from research import config
    from research.benchmarks.report import report
    from research.distributed import devices
    from research.errors import UserError

    # Of a GPU, JAX would take three quarters at once, and PyTorch is to run beside it.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    devices.prepare(cfg.root)
    names = list(cfg.benchmarks) if "all" in cfg.which else list(cfg.which)
    for name in names:
        if name not in cfg.benchmarks:
            there = ", ".join([*cfg.benchmarks, "all"])
            raise UserError(f"which={name}: no such benchmark; there are {there}")
        run = config.build(cfg.benchmarks[name])
        rows = run(rounds=cfg.rounds, peers=cfg.peers)
        report(name, rows, Path(cfg.root) / cfg.name)


if __name__ == "__main__":
    sys.argv[1:] = join_names(sys.argv[1:])
    main()
