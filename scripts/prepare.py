"""Prepares a data set: `python scripts/prepare.py data=mnist [data.manual_dir=DIR]`.

Its files are downloaded, or read from `data.manual_dir` if that is given. Preparing it
again changes nothing, except that damaged arrays are made anew. Data sets that are
drawn (digits, faces, marks), and photographs (data=photos), need no preparation: their
arrays are made at first use.
"""

from __future__ import annotations

from command import command
from omegaconf import DictConfig


@command("prepare")
def main(cfg: DictConfig) -> None:
    """Prepares the configured data set."""
    from research.config import build
    from research.progress import say

    if "builder" in cfg.data:
        say(build(cfg.data, _target_="research.data.prepare.prepare"))
    else:  # photographs, whose arrays are made when they are loaded
        data = build(cfg.data)
        say(f"{data.name} is prepared: {len(data.split('test'))} images")


if __name__ == "__main__":
    main()
