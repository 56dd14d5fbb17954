"""Writes numbers from packed stores into documents: `python scripts/insert.py`.

A place that takes one is marked by comments, which code hosts and Sphinx do not show:

    <!-- insert count outputs/reference/first runs -->395<!-- end -->
    <!-- insert table outputs/reference/first/verdicts.md columns=1,3 -->…<!-- end -->
    <!-- insert cell outputs/reference/first/verdicts.csv C3 verdict -->…<!-- end -->

`count` is how many `runs`, `rows`, `metrics` or `predictions` a store holds; `table` is
the table of a file that a report wrote from it, or some of its columns, counted from 1;
and `cell` one value of its CSV: of the line that starts with a word, by the column's
name.
`--check` writes nothing and names the documents that differ.
"""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from research.errors import UserError
from research.files.atomic import write_bytes

ROOT = Path(__file__).parent.parent
PLACE = re.compile(r"<!-- insert (\w+) (.+?) -->(.*?)<!-- end -->", re.DOTALL)
TABLES = ("runs", "rows", "metrics", "predictions")


def list_documents() -> list[Path]:
    """Returns the documents that may have marked places."""
    patterns = ("*.md", "docs/*.md", "notebooks/*.md")
    return sorted(path for pattern in patterns for path in ROOT.glob(pattern))


def insert(text: str) -> str:
    """Returns a document with the value of every marked place.

    Raises:
      UserError: a place asks for what there is not.
    """

    def replace(match: re.Match[str]) -> str:
        kind, words = match[1], match[2].split()
        if kind not in KINDS:
            raise UserError(f"<!-- insert {kind} …: takes {', '.join(KINDS)}")
        value = KINDS[kind](*read_words(kind, words))
        return f"<!-- insert {kind} {match[2]} -->{value}<!-- end -->"

    return PLACE.sub(replace, text)


def read_words(kind: str, words: Sequence[str]) -> tuple[Path, list[str]]:
    """Returns the file or folder that a place names, and the words behind it.

    Raises:
      UserError: there is no such file.
    """
    if not (path := ROOT / words[0]).exists():
        raise UserError(f"<!-- insert {kind} {words[0]} …: there is no such file")
    return path, list(words[1:])


def count(store: Path, words: list[str]) -> str:
    """Returns how much of a kind a store holds."""
    if len(words) != 1 or words[0] not in TABLES:
        raise UserError(
            f"<!-- insert count {store.name} {' '.join(words)}: takes one of "
            f"{', '.join(TABLES)}"
        )
    return f"{json.loads((store / 'store.json').read_text())[words[0]]:,}"


def take_table(file: Path, words: list[str]) -> str:
    """Returns the table of a Markdown file, or the columns `columns=1,2` of it."""
    lines = [line for line in file.read_text().splitlines() if line.startswith("|")]
    if words:
        columns = [int(one) for one in words[0].removeprefix("columns=").split(",")]
        cells = [line.strip().strip("|").split(" | ") for line in lines]
        if not set(columns) <= set(range(1, len(cells[0]) + 1)):
            raise UserError(
                f"<!-- insert table {file.name} {words[0]}: it has the columns 1 to "
                f"{len(cells[0])}"
            )
        chosen = [[row[one - 1].strip() for one in columns] for row in cells]
        lines = [f"| {' | '.join(row)} |" for row in chosen]
    return "\n" + "\n".join(lines) + "\n"


def take_cell(file: Path, words: list[str]) -> str:
    """Returns one value of a CSV file: of the line that starts with a word."""
    with file.open(newline="") as lines:
        header, *rows = csv.reader(lines)
    name = " ".join(words[1:])
    found = [row for row in rows if words and row[0] == words[0]]
    if len(found) != 1 or name not in header:
        raise UserError(
            f"<!-- insert cell {file.name} {' '.join(words)}: takes one of "
            f"{', '.join(row[0] for row in rows)}, and one of {', '.join(header)}"
        )
    return found[0][header.index(name)]


KINDS: dict[str, Callable[[Path, list[str]], str]] = {
    "count": count,
    "table": take_table,
    "cell": take_cell,
}


def main() -> None:
    """Writes every document whose values differ, or names it."""
    words = sys.argv[1:]
    if words not in ([], ["--check"]):
        print(f"error: {' '.join(words)}: takes --check or nothing", file=sys.stderr)
        sys.exit(2)
    stale = []
    try:
        for path in list_documents():
            text = path.read_text()
            if (new := insert(text)) != text:
                stale.append(str(path.relative_to(ROOT)))
                if not words:
                    write_bytes(path, new.encode())
    except UserError as error:
        print(f"error: {path.relative_to(ROOT)}: {error}", file=sys.stderr)
        sys.exit(2)
    if words and stale:
        print(f"error: {', '.join(stale)}: run scripts/insert.py", file=sys.stderr)
        sys.exit(2)
    print(f"wrote {', '.join(stale)}" if stale else "all values are of the stores")


if __name__ == "__main__":
    main()
