"""The number that a search over settings optimises."""

from __future__ import annotations

from pathlib import Path

from research.errors import UserError
from research.files.lines import read_lines


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
    rows = read_lines(Path(folder) / "metrics.jsonl")
    found = [row[measure] for row in rows if row["split"] == split and measure in row]
    if not found:
        known = sorted({f"{row['split']}.{key}" for row in rows for key in row})
        raise UserError(
            f"objective={name}: not among what {folder}/metrics.jsonl holds: "
            f"{', '.join(known)}; for validation.… set data.validation_examples"
        )
    return found[-1]
