"""Shows how the jobs of a sweep stand: `python scripts/status.py outputs/NAME`.

On a terminal the table lives until every job has ended; elsewhere, or with --once, it
is printed once, and with --watch a line whenever the sweep is further, until it has
ended. With --json there is one line of JSON for each job.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
import time
from typing import NoReturn

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from research.errors import UserError
from research.jobs import overview
from research.progress import print_any_letter

EVERY = 1.0  # seconds between two looks
FOLLOWED = 20.0  # where the looks are lines
WIDTH = 120  # columns, where there is no terminal


class Parser(argparse.ArgumentParser):
    """Makes a mistake in the words one line, without the usage."""

    def error(self, message: str) -> NoReturn:
        """Raises a UserError."""
        raise UserError(f"{message}; --help shows what there is")


def main() -> int:
    """Prints or shows the table; returns the exit status."""
    print_any_letter()
    parser = Parser(
        description=__doc__.partition(":")[0] + ".",
        epilog="for example: python scripts/status.py outputs/shifts --watch",
    )
    parser.add_argument("sweep", help="folder of a sweep, or of one run")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--once", action="store_true", help="print it once")
    until = "follow it until every job has ended: as a table, or line by line"
    how.add_argument("--watch", action="store_true", help=until)
    parser.add_argument("--json", action="store_true", help="one line for each job")
    console = Console() if sys.stdout.isatty() else Console(width=WIDTH)
    try:
        given = parser.parse_args()
        lines = overview.jobs(given.sweep)
        if given.json:
            for line in lines:
                print(json.dumps({"job": line.name} | dataclasses.asdict(line.status)))
        elif given.watch and not console.is_terminal:
            follow(given.sweep)
        elif given.once or not console.is_terminal:
            print(f"{given.sweep}: {overview.summary(lines)}")
            console.print(overview.show(lines, console.width))
        else:
            watch(given.sweep, console)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        pass
    except BrokenPipeError:  # of `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return 0


def follow(sweep: str) -> None:
    """Prints a line whenever the sweep is further, until every job has ended."""
    last = ""
    while True:
        lines = overview.jobs(sweep)
        states = overview.summary(lines)
        steps = sum(line.status.step for line in lines)
        total = sum(line.status.total for line in lines)
        shown = f"{sweep}: {states}" + (
            f"; {steps:,} of {total:,} steps" if total else ""
        )
        ended = all(line.status.ended for line in lines)
        if shown != last:
            print(time.strftime("%H:%M:%S"), shown, flush=True)
            last = shown
        if ended:
            return
        time.sleep(FOLLOWED)


def watch(sweep: str, console: Console) -> None:
    """Shows the table until every job has ended."""
    with Live(console=console, auto_refresh=False) as live:
        while True:
            lines = overview.jobs(sweep)
            heading = Text(f"{sweep}: {overview.summary(lines)}")
            shown = overview.show(lines, console.width)
            live.update(Group(heading, shown), refresh=True)
            if all(line.status.ended for line in lines):
                return
            time.sleep(EVERY)


if __name__ == "__main__":
    sys.exit(main())
