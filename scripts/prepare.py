"""Prepares a data set: `python scripts/prepare.py data=mnist [data.manual_dir=DIR]`.

Without `data.manual_dir` it is downloaded, with it it is built from the files there.
Preparing what is there already changes nothing; what is damaged is made again.
"""

from __future__ import annotations

from command import command
from omegaconf import DictConfig


@command("prepare")
def main(cfg: DictConfig) -> None:
    """Prepares the configured data set."""
    from research.config import build
    from research.progress import say

    say(build(cfg.data, _target_="research.data.prepare.prepare"))


if __name__ == "__main__":
    main()
