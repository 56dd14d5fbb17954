"""The files of a run folder as others read them: each checked, each error naming it.

A damaged file is one line for a person, never a traceback and never half a table. May
be imported by every reader; knows neither JAX nor pandas.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from research.evals.measurement import Measurement
from research.files.atomic import damaged, read_json
from research.files.leftovers import is_leftover
from research.files.lines import bad_line, read_lines
from research.jobs import status

NAME = re.compile(r"\w+(\.\w+)?", re.ASCII)  # of rows: EVALUATOR or EVALUATOR.SPLIT
NUMBER = (int, float, type(None))
ROW = {  # the fields of `rows.Row` → what they may be
    **dict.fromkeys(("run", "commit", "split", "protocol", "measure"), (str,)),
    **dict.fromkeys(("interval", "method"), (str,)),
    **dict.fromkeys(("value", "low", "high"), NUMBER),
    **dict.fromkeys(("seed", "n"), (int,)),
    "params": (dict,),
}
LOGGED = {  # what a row of training holds, as far as others read it
    "split": (str,),
    **dict.fromkeys(("step", "epoch", "examples"), (int, type(None))),
    **dict.fromkeys(("loss", "accuracy"), NUMBER),
}
PROVENANCE = {
    "run": (str,),
    "seed": (int,),
    "choices": (dict,),
    "overrides": (list, type(None)),
    "fingerprints": (dict, type(None)),
    "rules": (dict, type(None)),
    "photographs": (list, type(None)),
    "commit": (str, type(None)),
    "dirty": (bool, type(None)),
}


def read_provenance(folder: Path) -> dict[str, Any]:
    """Returns what made a run.

    Raises:
      UserError: the file is missing or damaged.
    """
    path = folder / "provenance.json"
    remedy = "bring it back, or remove done.json and run the command of this run again"
    try:
        found = read_json(path, remedy=remedy)
    except FileNotFoundError:
        raise damaged(path, "it is missing", remedy) from None
    for key in ("run", "seed"):
        if key not in found:
            raise damaged(path, f"it has no {key}", remedy)
    if (wrong := find_fault(found, PROVENANCE)) is not None:
        raise damaged(path, f"{wrong}={found[wrong]!r}", remedy)
    if not all(isinstance(one, str) for one in found.get("overrides") or ()):
        raise damaged(path, f"overrides={found['overrides']!r}", remedy)
    return found


def read_measured(path: Path) -> list[dict[str, Any]]:
    """Returns the rows of one file of an evaluator.

    Raises:
      UserError: a line is no row, or repeats one.
    """
    return read_unique(path, ROW, tuple(ROW), identify_row)


def read_logged(folder: Path) -> list[dict[str, Any]]:
    """Returns the rows of a training; none where it has not begun.

    Raises:
      UserError: a line is no row, or repeats one.
    """
    path = folder / "metrics.jsonl"
    if not path.exists():
        return []
    return read_unique(
        path, LOGGED, ("step",), lambda row: (row["step"], row.get("split"))
    )


def read_unique(
    path: Path,
    kinds: Mapping[str, tuple[type, ...]],
    required: tuple[str, ...],
    identify: Callable[[dict[str, Any]], Any],
) -> list[dict[str, Any]]:
    """Returns rows of which each is whole and no two say the same thing.

    Args:
      path: of the file.
      kinds: what a field may be.
      required: fields of every row.
      identify: what two rows must not share.

    Raises:
      UserError: names the file and the line.
    """
    rows = read_lines(path)
    lines: dict[Any, int] = {}
    for number, row in enumerate(rows, 1):
        for key in required:
            if key not in row:
                raise bad_line(path, number, f"it has no {key}")
        if (wrong := find_fault(row, kinds)) is not None:
            raise bad_line(path, number, f"{wrong}={row[wrong]!r}")
        first = lines.setdefault(identify(row), number)
        if first != number:
            raise bad_line(path, number, f"it repeats line {first}")
    return rows


def find_row_files(folder: Path) -> Iterator[Path]:
    """Yields the files of rows in a run folder, by name.

    A sync tool's `shift (1).jsonl` is none of them.
    """
    known = (status.done(folder) or {}).get("evaluators", {})
    for path in sorted(folder.glob("eval/*.jsonl"), key=lambda path: path.stem):
        ours = NAME.fullmatch(path.stem) or path.stem in known
        if ours and not is_leftover(path.name):
            yield path


def find_fault(
    found: Mapping[str, Any], kinds: Mapping[str, tuple[type, ...]]
) -> str | None:
    """Returns a key whose value is of no type that it may have."""
    for key, kind in kinds.items():
        value = found.get(key)
        if key in found and not isinstance(value, kind):
            return key
        if isinstance(value, bool) and bool not in kind:
            return key
    return None


def identify_row(row: Mapping[str, Any]) -> str:
    """Returns what tells a row from the others of its file."""
    return Measurement(row["protocol"], row["measure"], 0, 0, row["params"]).key
