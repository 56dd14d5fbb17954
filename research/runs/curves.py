"""What a run tells its logger: curves while it trains, then what was measured."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from research.data.split import Split
from research.errors import UserError
from research.loggers.logger import Logger, Silent, Value, describe
from research.progress import say
from research.runs.flips import draw_flips
from research.runs.rows import Measured, Row
from research.training.observer import Observer

STEPS = 10  # between two points of a curve, at least
SECONDS = 0.5  # and so much time: a fast training is not held up
SINGLE = ("gradient_norm", "idle")  # of one step or of the run, not sums of an epoch
PLACE = ("step", "epoch", "split", "examples")  # of a row, rather than measured


class Curves(Observer):
    """Turns what a training reports into curves; each epoch's end is a point.

    Each point of the loss and the scores is a mean over all examples since the point
    before it, or since the epoch began; of the norm of the gradient it is the value of
    that step. They come from what the training has waited for anyhow: nothing waits for
    them. A logger that fails is left, and the training goes on without it.

    Args:
      open_logger: `open_logger(step)` opens the logger of a training that goes on
        after a step.
      batch_size: examples a step.
      per_epoch: steps of an epoch.
      rates: the learning rate of each step; None: not known.
    """

    gradients = True

    def __init__(
        self,
        open_logger: Callable[[int], Logger],
        *,
        batch_size: int,
        per_epoch: int,
        rates: np.ndarray | None = None,
    ):
        self._open = open_logger
        self._batch, self._per_epoch, self._rates = batch_size, per_epoch, rates
        self._logger: Logger | None = None
        self._last = 0  # the step of the last point
        self._sums: dict[str, float] = {}  # of the epoch, up to it
        self._started = False
        self._begin_window(0, 0.0)

    def resume(self, step: int, notes: Sequence[str]) -> None:
        """Opens the logger."""
        del notes
        self._logger, self._last = self._open(step), step
        self._sums, self._started = {}, False

    def advance(self, step: int, row: Mapping[str, Any]) -> None:
        """Logs a point, if one is due and the means of the steps before are known."""
        if not self._started:  # compiling is no part of the speed
            self._started = True
            self._begin_window(step, row["idle"])
        if "loss" not in row:
            return
        ends = step % self._per_epoch == 0
        known = (row["epoch"] - 1) * self._per_epoch + row["examples"] // self._batch
        known = step if ends else known
        late = time.monotonic() - self._since > SECONDS
        if not ends and not (known - self._last >= STEPS and late):
            return
        values = self._mean(row)
        if "gradient_norm" in row:
            values["gradient_norm"] = row["gradient_norm"]
        if self._rates is not None:
            values["learning_rate"] = float(self._rates[known - 1])
        values |= self._speed(step, row["idle"])
        self._log(known, {f"train/{name}": value for name, value in values.items()})
        self._last = known
        self._sums = {} if ends else self._add_up(row)
        self._begin_window(step, row["idle"])

    def record(self, row: Mapping[str, Any]) -> None:
        """Logs what validation found; its time is none of the training's."""
        if row["split"] != "train":
            found = {name: v for name, v in row.items() if name not in PLACE}
            named = {f"{row['split']}/{name}": value for name, value in found.items()}
            self._log(row["step"], named)
        self._begin_window(row["step"], self._idle)

    def measured(self, step: int, found: Measured, split: Split) -> None:
        """Logs the rows of an evaluator, and pictures of flips where it kept them.

        Args:
          step: of the trained network.
          found: by the evaluator.
          split: that it measured.
        """
        if self._logger is None:
            self.resume(step, ())
        values: dict[str, Value] = {}
        for row in found.rows:
            if row.value is not None:
                values[f"{row.split}/{name_row(found.name, row)}"] = row.value
        for protocol, picture in draw_flips(found, split).items():
            values[f"{found.rows[0].split}/{found.name}/{protocol}/flips"] = picture
        self._log(step, values)

    def close(self) -> None:
        """Closes the logger, if it was opened."""
        with self._leave_if_it_fails():
            if self._logger is not None:
                self._logger.close()

    def _log(self, step: int, values: Mapping[str, Value]) -> None:
        with self._leave_if_it_fails():
            if self._logger is not None and values:
                self._logger.log(step, values)

    @contextmanager
    def _leave_if_it_fails(self) -> Iterator[None]:
        """Says that a tracker has failed, and takes `Silent` in its place."""
        try:
            yield
        except UserError:  # of our own files
            raise
        except Exception as error:  # of whatever library and network
            self._logger = Silent()
            say(
                f"the logger failed ({describe(error)}): nothing more is logged to it; "
                "metrics.jsonl and the rows are complete"
            )

    def _add_up(self, row: Mapping[str, Any]) -> dict[str, float]:
        measured = {k: v for k, v in row.items() if k not in (*PLACE, *SINGLE)}
        sums = {name: mean * row["examples"] for name, mean in measured.items()}
        return sums | {"examples": row["examples"]}

    def _mean(self, row: Mapping[str, Any]) -> dict[str, float]:
        """Returns the means over the examples since the last point."""
        now = self._add_up(row)
        examples = now.pop("examples") - self._sums.get("examples", 0)
        return {
            name: (total - self._sums.get(name, 0.0)) / examples
            for name, total in now.items()
        }

    def _speed(self, step: int, idle: float) -> dict[str, float]:
        """Returns images a second, and the share of the time without a batch."""
        passed = time.monotonic() - self._since
        if step <= self._from or not passed > 0:
            return {}
        images = (step - self._from) * self._batch
        waited = min(max(idle - self._idle, 0.0) / passed, 1.0)
        return {"images_per_second": images / passed, "input_wait": waited}

    def _begin_window(self, step: int, idle: float) -> None:
        self._since, self._from, self._idle = time.monotonic(), step, idle


def name_row(evaluator: str, row: Row) -> str:
    """Returns the name of a row's curve: `shift/circular/max_shift_3/agreement`.

    MLflow takes no `=` and `,` there.
    """
    given = [f"{key}_{value}" for key, value in sorted(row.params.items())]
    protocol = [] if row.protocol == evaluator else [row.protocol]
    name = "/".join([evaluator, *protocol, *given, row.measure])
    return re.sub(r"[^\w./ -]", "_", name)
