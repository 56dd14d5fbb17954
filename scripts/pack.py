"""Packs run folders into a few files: `scripts/pack.py runs=outputs/demo out=DIR`.

What was packed is read as the folders are: `scripts/report.py runs=DIR`. Needs no JAX.
"""

from __future__ import annotations

from command import command
from omegaconf import DictConfig


@command("pack")
def main(cfg: DictConfig) -> None:
    """Packs the finished runs, beside those that the store holds already."""
    from research.progress import say
    from research.runs.pack import pack

    say(pack(cfg.runs, cfg.out, list(cfg.arrays)))


if __name__ == "__main__":
    main()
