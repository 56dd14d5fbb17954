"""Where a training reports to: `metrics.jsonl`, the progress bar, `status.json`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, runtime_checkable

from research.files.lines import MetricsFile
from research.progress import say
from research.training.observer import Observer


@runtime_checkable
class Progress(Protocol):
    """Hears how far a job is, as `jobs.status.Attempt` does."""

    def progress(self, step: int, total: int, batch_size: int) -> None:
        """Notes that `step` of `total` steps are done."""
        ...


class Journal(Observer):
    """Writes down what a training reports; a context that closes its file.

    Args:
      folder: the run folder.
      job: hears of every step.
      show: `show(step, text)`, the progress bar.
      steps: of the whole training.
      batch_size: examples a step.

    Raises:
      UserError: the folder cannot be written.
    """

    def __init__(
        self,
        folder: Path,
        job: Progress,
        show: Callable[[int, str], None],
        *,
        steps: int,
        batch_size: int,
    ):
        self.job = job
        self.show = show
        self.steps = steps
        self.batch_size = batch_size
        self.metrics = MetricsFile(folder)

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.metrics.close()

    def resume(self, step: int, notes: Sequence[str]) -> None:
        """Says what was damaged, and drops the rows of steps that are done anew."""
        for note in notes:
            say(note)
        self.metrics.truncate(step)

    def advance(self, step: int, row: Mapping[str, Any]) -> None:
        """Moves the bar and the job's status on."""
        self.job.progress(step, self.steps, self.batch_size)
        loss = row.get("loss")
        text = "" if loss is None else f"epoch {row['epoch']}  loss {loss:.3f}"
        self.show(step, text)

    def record(self, row: Mapping[str, Any]) -> None:
        """Appends a row of metrics."""
        self.metrics.append(row)
