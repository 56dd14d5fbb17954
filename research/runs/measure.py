"""Evaluators on a split: all check that they can measure it, and then measure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from flax import nnx
from omegaconf import DictConfig, OmegaConf

from research.data.split import Split
from research.data.stream import Stream
from research.errors import UserError
from research.evals.engine.embedding import gives_embeddings
from research.evals.engine.modules import in_inference
from research.evals.evaluator import Evaluator
from research.jobs.naming import name_briefly
from research.nn.precision import Precision, computing
from research.progress import counting, say
from research.runs.outcome import file_name
from research.runs.rows import Measured, Row, take_measurements

Evaluators = Mapping[str, Evaluator]  # by name


def check_all(
    evaluators: Evaluators,
    predict: Callable[..., Any],
    split: Split | Stream,
    cfg: DictConfig,
) -> None:
    """Checks that every evaluator can measure what it is given, without measuring.

    Args:
      evaluators: by name.
      predict: what they are to evaluate, trained or not.
      split: the examples of `cfg.split`, or a stream.
      cfg: the config that says so.

    Raises:
      UserError: `split` is empty or streamed, there is only one class, or an evaluator
        refuses.
    """
    if not evaluators:
        return
    if not len(split):
        held_out = cfg.data.get("validation_examples", 0)
        raise UserError(
            f"split={cfg.split} has no examples with data.validation_examples="
            f"{held_out}: choose split=test, or train (scripts/train.py) with "
            "data.validation_examples=N, so many of the training examples held out"
        )
    pixels = OmegaConf.select(cfg, "task.outputs")
    key = "mask_classes" if pixels else "classes"
    classes = pixels or cfg.data.classes
    # One class is what images without labels are put into by `data=folder`.
    if classes is not None and classes < 2 and not gives_embeddings(predict):
        raise UserError(
            f"data.{key}={classes}: of one class every answer is right, so "
            "nothing can be measured; takes data of at least 2 classes"
        )
    examples = require_arrays(split)
    if isinstance(predict, nnx.Module):  # as it will be measured: without dropout
        predict = in_inference(predict)
    for evaluator in evaluators.values():
        evaluator.require_answers(predict)
        evaluator.check(predict, examples)
    if not {"label", "mask"} & examples.arrays.keys():
        say_unlabelled(evaluators)


def measure_all(
    evaluators: Evaluators,
    predict: Callable[..., Any],
    split: Split | Stream,
    folder: Path,
    provenance: Mapping[str, Any],
    cfg: DictConfig,
    own: str | None = None,
) -> list[Measured]:
    """Runs evaluators on a split; each leaves its rows in `eval/` when it is through.

    Args:
      evaluators: by name.
      predict: what they evaluate.
      split: the examples of `cfg.split`; a stream where there is no evaluator.
      folder: the run folder.
      provenance: of the rows.
      cfg: whose `split` names the examples, and whose `precision.eval` holds.
      own: the split whose rows have the plain names; None: this one.

    Returns:
      What was written.
    """
    found: list[Measured] = []
    for measured in measure_each(
        evaluators, predict, split, folder, provenance, cfg, own
    ):
        measured.write(folder)
        found.append(measured)
    say_headline(folder, (row for one in found for row in one.rows), evaluators)
    return found


def measure_each(
    evaluators: Evaluators,
    predict: Callable[..., Any],
    split: Split | Stream,
    folder: Path,
    provenance: Mapping[str, Any],
    cfg: DictConfig,
    own: str | None = None,
) -> Iterator[Measured]:
    """Yields what each evaluator measures, at `precision.eval`; writes nothing.

    Args:
      evaluators: see `measure_all`.
      predict: likewise.
      split: likewise.
      folder: likewise; nothing is written there.
      provenance: likewise.
      cfg: likewise.
      own: likewise.
    """
    precision = Precision.of(cfg).eval
    for name, evaluator in evaluators.items():
        files = file_name(name, cfg.split, own or cfg.split)
        title = f"{name_briefly(folder)}: eval={name}"
        with computing(precision), counting(title, "images"):
            found = evaluator(predict, require_arrays(split))
            measured = take_measurements(files, found, provenance, cfg.split)
        yield measured


def say_unlabelled(evaluators: Evaluators) -> None:
    """Prints which rows there will not be of data without labels."""
    left_out = [
        f"{name} ({', '.join(evaluator.labelled)})"
        for name, evaluator in evaluators.items()
        if evaluator.labelled
    ]
    if left_out:
        say(f"no labels, and so no rows of {'; '.join(left_out)}")


def say_headline(folder: Path, rows: Iterable[Row], evaluators: Evaluators) -> None:
    """Prints the values of some rows that matter most, or what was evaluated."""
    shown = headline(rows)
    values = "  ".join(f"{name} {value:.2%}" for name, value in shown.items())
    say(f"{name_briefly(folder)}: {values or ', '.join(evaluators)}")


def require_arrays(split: Split | Stream) -> Split:
    """Returns examples in memory; raises UserError for a stream."""
    if isinstance(split, Stream):
        raise split.refusal()
    return split


def headline(rows: Iterable[Row]) -> dict[str, float | int]:
    """Returns accuracy or mean IoU, and agreement by shift protocol, of some rows."""
    shown: dict[str, float | int] = {}
    for row in rows:
        if row.value is None:
            continue
        if row.measure == "accuracy" and row.protocol == "accuracy":
            shown["accuracy"] = row.value
        elif row.measure == "mean_iou":
            shown["mean_iou"] = row.value
        elif row.measure == "agreement" and "max_shift" in row.params:
            shown[row.protocol] = row.value
    return shown
