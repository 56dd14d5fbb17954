"""A progress bar on a terminal; elsewhere one line per run."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

console = Console(stderr=True, highlight=False)


@contextmanager
def bar(title: str, total: int) -> Iterator[Callable[[int, str], None]]:
    """Shows the steps of a run on a terminal; does nothing elsewhere.

    Args:
      title: the run.
      total: steps.

    Yields:
      `show(step, text)`; an empty text leaves the last one.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[text]}"),
    )
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task(title, total=total, text="")

        def show(step: int, text: str) -> None:
            progress.update(task, completed=step)
            if text:
                progress.update(task, text=text)

        yield show


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
