"""Writes numbers from packed stores into documents: `python scripts/insert.py`.

A place that takes one is marked by comments, which code hosts and Sphinx do not show:

    <!-- insert count outputs/reference/first runs -->395<!-- end -->
    <!-- insert table outputs/reference/first/verdicts.md columns=1,3 -->…<!-- end -->
    <!-- insert cell outputs/reference/first/verdicts.csv C3 verdict -->…<!-- end -->
    <!-- insert claim outputs/reference C2 -->…<!-- end -->

`count` is how many `runs`, `rows`, `metrics` or `predictions` a store holds; `table` is
the table of a file that a report wrote from it, or some of its columns, counted from 1,
without lines that are repeated; `spread` is such a table of three columns, or of the
three that are chosen, with a column for each value of the first; and `cell` one value
of a CSV: of the line that starts with a word, by the column's name.
`claim` and `background` are the two halves of a claim's page in docs/results, between
which an author may write; `index` is the list that leads to the pages of `C`, `B` or
`A`, `pages` the same for Sphinx, `summary` a table of those that were decided, and
`run` how many claims were run. A claim without a page gets one.
`--check` writes nothing and names the documents that differ.
"""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from research import claims
from research.config import compose_flat
from research.errors import UserError
from research.files.atomic import write_bytes
from research.report.documents import background, claim, index, judged

ROOT = Path(__file__).parent.parent
PLACE = re.compile(r"<!-- insert (\w+) (.+?) -->(.*?)<!-- end -->", re.DOTALL)
TABLES = ("runs", "rows", "metrics", "predictions")
STORE = "outputs/reference"
PAGES = "docs/results"
LONG = 24  # characters from which on a cell is text, and not a number
APART = {"a1": "accelerator"}  # claim → the folder in the store that has its runs
PAGE = """<!-- insert claim {store} {name} --><!-- end -->

<!-- insert background {store} {name} --><!-- end -->
"""


def list_documents() -> list[Path]:
    """Returns the documents that may have marked places."""
    patterns = ("*.md", "docs/*.md", f"{PAGES}/*.md", "notebooks/*.md")
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


def add_pages() -> list[Path]:
    """Writes a page with its marks for every claim that has none; returns these."""
    added = []
    for name in claims.load():
        path = ROOT / PAGES / f"{name}.md"
        if not path.exists():
            store = "/".join([STORE, *([APART[name]] if name in APART else [])])
            text = PAGE.format(store=store, name=name.upper())
            write_bytes(path, text.encode())
            added.append(path)
    return added


def read_words(kind: str, words: Sequence[str]) -> tuple[Path, list[str]]:
    """Returns the file or folder that a place names, and the words behind it.

    Raises:
      UserError: there is no such file.
    """
    path = ROOT / words[0]
    if kind not in OF_CLAIMS and not path.exists():
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
    return lay_out(choose_columns(file, words))


def choose_columns(file: Path, words: list[str]) -> list[list[str]]:
    """Returns the header and the distinct lines of some columns, or of all."""
    head, _, *rows = read_table(file)
    columns = list(range(len(head)))
    if words:
        columns = [int(one) - 1 for one in words[0].removeprefix("columns=").split(",")]
        if not {*columns} <= {*range(len(head))}:
            raise UserError(
                f"<!-- insert table {file.name} {words[0]}: it has the columns 1 to "
                f"{len(head)}"
            )
    chosen = [tuple(row[one] for one in columns) for row in (head, *rows)]
    return [list(line) for line in dict.fromkeys(chosen)]


def read_table(file: Path) -> list[list[str]]:
    """Returns the cells of the table of a Markdown file."""
    lines = [line for line in file.read_text().splitlines() if line.startswith("|")]
    return [
        [one.strip() for one in line.strip().strip("|").split(" | ")] for line in lines
    ]


def lay_out(rows: list[list[str]]) -> str:
    """Returns a table in Markdown: texts to the left, long lists line by line."""
    long = [max(map(len, cells)) > LONG for cells in zip(*rows[1:], strict=True)]
    rule = ["---", *("---" if one else "--:" for one in long[1:])]
    broken = [[one.replace("; ", ";<br>") for one in row] for row in rows]
    lines = [f"| {' | '.join(row)} |" for row in (broken[0], rule, *broken[1:])]
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


def spread_table(file: Path, words: list[str]) -> str:
    """Returns a table of three columns with a column for each value of the first."""
    head, *rows = choose_columns(file, words)
    cells = {(name, place): value for name, place, value in rows}
    names, places = (list(dict.fromkeys(row[one] for row in rows)) for one in (0, 1))
    lines = [[one, *(cells.get((name, one), "–") for name in names)] for one in places]
    return lay_out([[head[1], *names], *lines])


def find_claim(store: Path, words: list[str]) -> judged.Judged:
    """Returns the claim that a place names."""
    return judged.find_claim(store, " ".join(words), compose_flat)


def link(store: Path) -> str:
    """Returns a store as the pages of claims link to it."""
    return f"../../{store.relative_to(ROOT)}"


def take_claim(store: Path, words: list[str]) -> str:
    """Returns the first half of a claim's page."""
    return f"\n{claim.write_claim(find_claim(store, words), link(store))}\n"


def take_background(store: Path, words: list[str]) -> str:
    """Returns the second half of a claim's page."""
    found = find_claim(store, words)
    return f"\n{background.write_background(found, link(store))}\n"


def find_claims(store: Path, words: list[str]) -> list[judged.Judged]:
    """Returns the claims of some letters: `c`, or `cb`."""
    return [find_claim(store, [one]) for one in claims.ids("".join(words).lower())]


def list_claims(store: Path, words: list[str]) -> str:
    """Returns the list of the claims of a letter, as docs/ links to their pages."""
    return f"\n{index.write_index(find_claims(store, words), Path(PAGES).name)}\n"


def list_pages(store: Path, words: list[str]) -> str:
    """Returns Sphinx's list of the pages, for the document that has the index."""
    pages = [f"{Path(PAGES).name}/{one.id}" for one in find_claims(store, words)]
    return "\n".join(["", "```{toctree}", ":hidden:", "", *pages, "```", ""])


def sum_up_claims(store: Path, words: list[str]) -> str:
    """Returns the table of what was decided, as the README links to the pages."""
    return f"\n{index.write_summary(find_claims(store, words), PAGES)}\n"


def count_claims(store: Path, words: list[str]) -> str:
    """Returns how many of the claims of some letters were run."""
    return index.write_count(find_claims(store, words))


OF_CLAIMS: dict[str, Callable[[Path, list[str]], str]] = {
    "claim": take_claim,
    "background": take_background,
    "index": list_claims,
    "pages": list_pages,
    "summary": sum_up_claims,
    "run": count_claims,
}
KINDS: dict[str, Callable[[Path, list[str]], str]] = {
    "count": count,
    "table": take_table,
    "spread": spread_table,
    "cell": take_cell,
    **OF_CLAIMS,
}


def main() -> None:
    """Writes every document whose values differ, or names it."""
    if {"-h", "--help"} & set(sys.argv):
        print(__doc__)
        return
    words = sys.argv[1:]
    if words not in ([], ["--check"]):
        print(f"error: {' '.join(words)}: takes --check or nothing", file=sys.stderr)
        sys.exit(2)
    stale: list[str] = []
    path = ROOT / PAGES
    try:
        if not words:
            add_pages()
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
