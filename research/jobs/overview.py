"""A sweep at a glance: state, progress, throughput, time left, last errors."""

from __future__ import annotations

import dataclasses
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Column, Table
from rich.text import Text

from research.errors import UserError
from research.files.leftovers import walk
from research.jobs.naming import shorten_names
from research.jobs.status import DONE, QUEUED, RUNNING, STATES, Status, observe
from research.progress import format_duration

NUMBERS = [
    Column(name, justify="right") for name in ("steps", "examples/s", "left", "tries")
]
NARROW = 80  # columns, below which a table of so many columns cannot be read
COLORS = {"running": "cyan", "done": "green", "failed": "red", "preempted": "yellow"}


@dataclasses.dataclass(frozen=True)
class Line:
    """A job and how it stands."""

    name: str
    status: Status

    @property
    def place(self) -> str:
        """Where it runs, or ran last."""
        known = self.status
        return f"{known.owner}, {known.device}" if known.device else known.owner

    @property
    def steps(self) -> str:
        """How far its training is, or "" while that is unknown."""
        known = self.status
        return f"{known.step}/{known.total}" if known.total else ""

    @property
    def remark(self) -> str:
        """Its last error, or where it runs."""
        known = self.status
        return known.error or (self.place if known.state == RUNNING else "")

    @property
    def left(self) -> float | None:
        """Seconds that its training will take, by its pace in this attempt."""
        known = self.status
        if known.state != RUNNING or not known.examples_per_second:
            return None
        return (known.total - known.step) * known.batch / known.examples_per_second


def jobs(root: str | Path) -> list[Line]:
    """Returns every job at or below a folder, by name.

    Raises:
      UserError: there is none, or no such folder.
    """
    if not Path(root).is_dir():
        raise UserError(
            f"{root}: no such folder; give the folder of a sweep, such as outputs/runs"
        )
    found = []
    for folder, below, files in walk(root):
        if {"status.json", "done.json"} & set(files):
            below.clear()
            status = observe(folder)
            if status is not None:
                name = folder.relative_to(root).as_posix()
                found.append(Line(folder.name if name == "." else name, status))
    if not found:
        raise UserError(
            f"{root}: no jobs there; give the folder of a sweep, such as outputs/runs"
        )
    return sorted(found, key=lambda line: line.name)


def summary(lines: Sequence[Line]) -> str:
    """Returns one line about a whole sweep."""
    counts = Counter(line.status.state for line in lines)
    parts = ", ".join(f"{n} {state}" for state, n in sorted(counts.items()))
    seconds = estimate_remaining(lines)
    left = "" if seconds is None else f"; about {format_duration(seconds)} left"
    return f"{len(lines)} jobs: {parts}{left}"


def estimate_remaining(lines: Sequence[Line]) -> float | None:
    """Returns the seconds that a sweep will take, judged by its jobs that are done."""
    running = [line for line in lines if line.status.state == RUNNING]
    waiting = [line for line in lines if line.status.state == QUEUED]
    took = [
        line.status.updated - line.status.started
        for line in lines
        if line.status.state == DONE and line.status.started
    ]
    if not running or not took:
        return None
    each, now = sum(took) / len(took), time.time()
    current = [max(each - (now - line.status.started), 0.0) for line in running]
    return (each * len(waiting) + sum(current)) / len(running)


def show(lines: Sequence[Line], width: int) -> Group:
    """Returns the jobs, those that are running or failed first.

    Args:
      lines: the jobs.
      width: of the terminal in columns; where a table does not fit they stand below
        one another.
    """
    names, common = shorten_names([line.name for line in lines])
    pairs = zip(lines, names, strict=True)
    ordered = sorted(pairs, key=lambda pair: STATES.index(pair[0].status.state))
    jobs = [table(ordered)] if width >= NARROW else stack(ordered)
    return Group(*jobs, Text(f"all: {common}" if common else ""))


def table(jobs: Sequence[tuple[Line, str]]) -> Table:
    """Returns jobs and their names as a table."""
    made = Table("job", "state", *NUMBERS, Column("by, or last error", overflow="fold"))
    for line, name in jobs:
        known = line.status
        made.add_row(
            Text(name, overflow="fold"),
            Text(known.state, COLORS.get(known.state, "")),
            line.steps,
            f"{known.examples_per_second:,.0f}" if known.examples_per_second else "",
            "" if line.left is None else format_duration(line.left),
            str(known.attempts or ""),
            Text(line.remark),
        )
    return made


def stack(jobs: Sequence[tuple[Line, str]]) -> Iterator[RenderableType]:
    """Yields jobs and their names below one another, for a narrow terminal."""
    for line, name in jobs:
        state = line.status.state
        left = "" if line.left is None else f"{format_duration(line.left)} left"
        facts = "  ".join(filter(None, (state, line.steps, left)))
        yield Text(facts, COLORS.get(state, ""))
        for text in filter(None, (name, line.remark)):
            yield Padding(Text(text, overflow="fold"), (0, 0, 0, 2))
