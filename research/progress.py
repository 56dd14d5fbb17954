"""How far something is, and how fast: a bar on a terminal, else a line at times."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

console = Console(stderr=True, highlight=False)
EVERY = 20.0  # seconds between two lines, where there is no terminal
WORTH = 10.0  # seconds that must be left for an estimate to be told beforehand


class Meter:
    """Counts what is done of something; shows it on a terminal, or says it at times.

    Args:
      title: what it is.
      unit: what is counted, such as `steps`.
      total: how many there are; None: that is not known.
    """

    def __init__(self, title: str, unit: str, total: int | None = None):
        self.title, self.unit, self.total = title, unit, total
        self.done, self.text = 0, ""
        self._remark = ""
        self._told = self._first = time.monotonic(), 0
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[text]}"),
        )
        self._bar = Progress(
            *columns, console=console, transient=True, disable=not console.is_terminal
        )
        self._task = self._bar.add_task(title, total=total, text="", rate="")

    def __enter__(self) -> Meter:
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()

    def expect(self, total: int, remark: str) -> None:
        """Says how many there will be, as soon as the pace is known.

        Args:
          total: from now on.
          remark: why it takes long, and what would take less.
        """
        self.total, self._remark = self.done + total, remark
        self._first = time.monotonic(), 0  # nothing of it is done: no pace is known

    def reach(self, done: int, text: str = "") -> None:
        """Notes how many are done by now; an empty text leaves the last one."""
        began = self.done > 0
        self.done, self.text = done, text or self.text
        now = time.monotonic()
        if not self._bar.disable:
            pace = self._bar.tasks[0].speed
            rate = f"{format_pace(pace)} {self.unit}/s" if pace else ""
            bar, task = self._bar, self._task
            bar.update(task, completed=done, total=self.total)
            bar.update(task, text=self.text, rate=rate)
        if self._remark:
            self._forecast(now)
        if not began:  # the first takes long, or was done before: it tells no pace
            self._told = now, done
        elif now - self._told[0] >= EVERY:
            self._tell(now)

    def _forecast(self, now: float) -> None:
        """Tells how long it will take, by what came after the first that was done."""
        before, done = self._first
        if not done:
            self._first = self._told = now, self.done
        elif self.total is not None:
            left = (self.total - self.done) * (now - before) / (self.done - done)
            if left >= WORTH:
                say(f"{self.title}: {self._remark}: about {format_duration(left)}")
                self._told = now, self.done
            self._remark = ""

    def _tell(self, now: float) -> None:
        """Says how far it is, where there is no bar."""
        before, done = self._told
        pace = (self.done - done) / (now - before)
        self._told = now, self.done
        if not self._bar.disable or pace <= 0:
            return
        count = f"{self.done:,}" + ("" if self.total is None else f" of {self.total:,}")
        parts = [f"{count} {self.unit}", self.text, f"{format_pace(pace)} a second"]
        if self.total is not None:
            left = max(0, self.total - self.done) / pace
            parts.append(f"about {format_duration(left)} left")
        say(f"{self.title}: {', '.join(filter(None, parts))}")


@contextmanager
def bar(
    title: str, total: int, unit: str = "steps"
) -> Iterator[Callable[[int, str], None]]:
    """Shows how far something is; see `Meter`.

    Args:
      title: the run.
      total: steps.
      unit: what the steps are.

    Yields:
      `show(step, text)`; an empty text leaves the last one.
    """
    with Meter(title, unit, total) as meter:
        yield meter.reach


_current: ContextVar[Meter | None] = ContextVar("meter", default=None)


@contextmanager
def counting(title: str, unit: str) -> Iterator[None]:
    """Lets `count` and `expect`, wherever they are called within, move a meter on."""
    with Meter(title, unit) as meter:
        token = _current.set(meter)
        try:
            yield
        finally:
            _current.reset(token)


def count(more: int) -> None:
    """Notes that so many more are done, if anybody counts."""
    if (meter := _current.get()) is not None:
        meter.reach(meter.done + more)


def expect(total: int, remark: str) -> None:
    """As `Meter.expect`, if anybody counts."""
    if (meter := _current.get()) is not None:
        meter.expect(total, remark)


def format_duration(seconds: float) -> str:
    """Returns a duration for people: 45 s, 12 min, 3.5 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def format_pace(pace: float) -> str:
    """Returns how many a second: 1,234, 12.3, 0.123."""
    return f"{pace:,.0f}" if pace >= 100 else f"{pace:.3g}"


def print_any_letter() -> None:
    """Shows a letter that the terminal lacks as `?`, where Python would raise.

    A name with an umlaut must not stop a script that still has results to save.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def say(line: str) -> None:
    """Prints a line to stderr, above any bar."""
    console.print(line, soft_wrap=True, markup=False)
