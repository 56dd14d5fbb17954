"""What the jobs of a sweep are called in its lines, and how long the rest takes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from research.progress import format_duration


class Pace:
    """Counts the jobs of a sweep that have ended, and tells how long the rest takes.

    Args:
      total: how many there are.
    """

    def __init__(self, total: int):
        self.total, self.done = total, 0
        self._started = time.monotonic()

    def step(self) -> str:
        """Notes the end of a job; returns what is left, or "" after the last."""
        self.done += 1
        left = self.total - self.done
        if not left:
            return ""
        each = (time.monotonic() - self._started) / self.done
        return (
            f"{self.done} of {self.total} jobs ended, "
            f"about {format_duration(each * left)} left"
        )


_names: dict[Path, str] = {}


def name_all(folders: Sequence[Path]) -> str:
    """Lets `name_briefly` leave out what the names of all these folders share.

    Args:
      folders: of the jobs of a sweep, side by side.

    Returns:
      What they share.
    """
    names, common = shorten_names([folder.name for folder in folders])
    _names.update(zip(folders, names, strict=True))
    return common


def name_briefly(folder: Path) -> str:
    """Returns in what a run differs from those beside it; of a run alone, its path."""
    return _names.get(folder.absolute(), str(folder))


def shorten_names(names: Sequence[str]) -> tuple[list[str], str]:
    """Returns jobs' names without the overrides that all have, and those."""
    parts = [split_overrides(name) for name in names]
    same = set.intersection(*map(set, parts)) if len(parts) > 1 else set()
    short = [",".join(p for p in part if p not in same) or "…" for part in parts]
    return short, ",".join(p for p in parts[0] if p in same)


def split_overrides(name: str) -> list[str]:
    """Returns the overrides of a name; `widths=8,16,seed=0` has two."""
    parts: list[str] = []
    for word in name.split(","):
        if parts and "=" not in word:
            parts[-1] += f",{word}"
        else:
            parts.append(word)
    return parts
