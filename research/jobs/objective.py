"""The number that a search over settings optimises."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from research.errors import UserError
from research.files.lines import read_lines

SPEEDS = ("examples_per_second", "input_wait")  # that rows of training have, too


def check_objective(name: object, scores: Sequence[str], *, validated: bool) -> None:
    """Refuses what no training can measure, before it begins.

    Args:
      name: SPLIT.MEASURE; None for no objective.
      scores: of the task.
      validated: whether there are validation examples.

    Raises:
      UserError: names what there is.
    """
    if name is None:
        return
    rows = {"train": ("loss", *scores, *SPEEDS), "validation": ("loss", *scores)}
    known = [f"{split}.{measure}" for split, each in rows.items() for measure in each]
    if name not in known:
        raise UserError(f"objective={name}: takes one of {', '.join(known)}")
    if str(name).startswith("validation.") and not validated:
        raise UserError(
            f"objective={name}: there are no validation examples; set "
            "data.validation_examples"
        )


def objective(folder: str | Path, name: str | None) -> float | None:
    """Returns a measure at the end of a training, from its rows.

    Args:
      folder: the run folder.
      name: SPLIT.MEASURE, such as `validation.loss`; None for no objective.

    Raises:
      UserError: nothing of that name was measured.
    """
    if name is None:
        return None
    split, _, measure = name.partition(".")
    path = Path(folder) / "metrics.jsonl"
    rows = read_lines(path) if path.exists() else []
    own = [row for row in rows if row.get("split") == split]
    found = [row[measure] for row in own if measure in row]
    if not found:
        known = sorted({f"{row.get('split')}.{key}" for row in rows for key in row})
        there = ", ".join(known) or "nothing"
        raise UserError(
            f"objective={name}: not among what {folder}/metrics.jsonl holds: "
            f"{there}; for validation.… set data.validation_examples"
        )
    return found[-1]
