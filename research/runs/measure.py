"""Evaluators on a split: asked beforehand whether they can, then run and written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from research.data.split import Split
from research.errors import UserError
from research.progress import say
from research.runs.rows import Row, named, write_measurements

Evaluators = Mapping[str, Callable[..., Any]]  # by name


def checked(
    evaluators: Evaluators,
    predict: Callable[..., Any],
    split: Any,
    cfg: DictConfig,
) -> None:
    """Asks every evaluator whether it can measure, and measures nothing.

    Args:
      evaluators: by name.
      predict: what they are to evaluate, trained or not.
      split: the examples of `cfg.split`, or a stream.
      cfg: the config that says so.

    Raises:
      UserError: `split` is empty or streamed, or an evaluator refuses.
    """
    for evaluate in evaluators.values():
        if not len(split):
            held_out = cfg.data.get("validation_examples", 0)
            raise UserError(
                f"split={cfg.split} has no examples with data.validation_examples="
                f"{held_out}; give data.validation_examples=100, say, or split=test"
            )
        _ = split.images  # a stream has none, and says so
        evaluate(predict, split)


def measure(
    evaluators: Evaluators,
    predict: Callable[..., Any],
    split: Split,
    folder: Path,
    provenance: Mapping[str, Any],
    cfg: DictConfig,
    own: str | None = None,
) -> None:
    """Runs evaluators on a split; each leaves its rows in `eval/`.

    Args:
      evaluators: by name.
      predict: what they evaluate.
      split: the examples of `cfg.split`.
      folder: the run folder.
      provenance: of the rows.
      cfg: whose `split` names the examples.
      own: the split whose rows have the plain names; None: this one.
    """
    shown = {}
    for evaluator, evaluate in evaluators.items():
        found = evaluate(predict, split)
        files = named(evaluator, cfg.split, own or cfg.split)
        rows = write_measurements(folder, files, found, provenance, cfg.split)
        shown |= headline(rows)
    values = "  ".join(f"{name} {value:.2%}" for name, value in shown.items())
    say(f"{folder}: {values or ', '.join(evaluators)}")


def headline(rows: Iterable[Row]) -> dict[str, float]:
    """Returns the accuracy, and the agreement of each shift protocol, of some rows."""
    shown = {}
    for row in rows:
        if row.measure == "accuracy" and row.protocol == "accuracy":
            shown["accuracy"] = row.value
        elif row.measure == "agreement" and "max_shift" in row.params:
            shown[row.protocol] = row.value
    return shown
