"""A training split that does not fit: read, decoded and cropped as it is needed.

What a step gets is a function of seed, epoch and example: so a stream has no state that
a checkpoint must hold, goes on from any step, and does not depend on how many threads,
worker processes or hosts share the work. Grain runs these ahead of the training.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int32, UInt8

from research.data.arrays import Image
from research.data.images import UNREADABLE
from research.data.plan import Plan
from research.errors import UserError

Crop = Callable[..., Image]  # crop(content, shape, rng)
Batch = tuple[
    UInt8[np.ndarray, "batch height width channels"], Int32[np.ndarray, " batch"]
]


class Stream:
    """The first examples of a prepared split, in place of arrays of them.

    Args:
      folder: DIR/NAME/VERSION, where TFDS' records lie.
      split: one of `records.sizes(folder)`.
      examples: how many, from the first.
      shape: (height, width, channels) of an image.
      classes: number of classes.
      crop: `crop(content, shape, rng)` makes it so of an encoded image.
      threads: that decode, each a batch of its own: so many batches are in memory;
        None: one for each processor.
      workers: processes that do so, with `threads` each; 0: this one, which suffices
        until so many threads wait for Python's lock, since decoding does not hold it.

    Raises:
      UserError: the records are not what `data.shape` and `data.classes` say.
    """

    def __init__(
        self,
        folder: Path,
        split: str,
        *,
        examples: int,
        shape: tuple[int, int, int],
        classes: int,
        crop: Crop,
        threads: int | None = None,
        workers: int = 0,
    ):
        from research.data.stored import Stored  # TFDS takes a second to import

        self.examples = examples
        self.shape = shape
        self.crop = crop
        self.threads = threads or len(os.sched_getaffinity(0))
        self.workers = workers
        self.stored = Stored(folder, split, shape=shape, classes=classes)
        if not self.stored.encoded:
            raise UserError(
                f"data/stream=…: {self.stored.name} is stored as plain arrays, and "
                "streams are of PNG and JPEG; take data/stream=none"
            )

    def __len__(self) -> int:
        return self.examples

    @property
    def images(self) -> Any:
        """What evaluators ask a split for, and a stream has not.

        Raises:
          UserError: always.
        """
        raise UserError(
            f"split={self.stored.split}: the training images of {self.stored.name} are "
            "streamed, and evaluators take arrays: choose split=test or "
            "split=validation, leave fit out of eval, or take data/stream=none"
        )

    def first(self, examples: int | None, name: str = "") -> Any:
        """As `Split.first`; raises as `images`."""
        del examples, name
        return self.images

    def batches(self, plan: Plan, start: int, rows: slice) -> Iterator[Batch]:
        """Yields the `rows` of the batch of each step from `start` on."""
        import grain  # takes a second, as TFDS does
        from absl import flags
        from array_record.python.array_record_data_source import ArrayRecordDataSource

        source = ArrayRecordDataSource(self.stored.files)
        steps = Steps(self, source, plan, rows)
        threads = grain.ReadOptions(self.threads, self.threads)
        data = grain.MapDataset.source(steps)[start:].to_iter_dataset(threads)
        if self.workers:
            flags.FLAGS.mark_as_parsed()  # Grain asks absl for options that we have not
            processes = grain.MultiprocessingOptions(num_workers=self.workers)
            data = data.mp_prefetch(processes, end_with_parent)
        with closing(iter(data)) as batches:
            yield from batches


@dataclass(frozen=True)
class Steps:
    """The batch of each step, as a random-access source for Grain.

    Attributes:
      stream: what they are of.
      source: its records by number, as bytes.
      plan: the examples of each step.
      rows: of each batch, that are wanted here.
    """

    stream: Stream
    source: Any
    plan: Plan
    rows: slice

    def __len__(self) -> int:
        return len(self.plan)

    def __getitem__(self, step: int) -> Batch:
        """Returns this process's rows of the batch of a step."""
        chosen = self.plan[step][self.rows].tolist()
        epoch = step // self.plan.per_epoch
        images = np.empty((len(chosen), *self.stream.shape), np.uint8)
        labels = np.empty(len(chosen), np.int32)
        for row, example in enumerate(chosen):
            images[row], labels[row] = self.example(example, epoch)
        return images, labels

    def example(self, number: int, epoch: int) -> tuple[Image, int]:
        """Returns an example as it is cropped in an epoch.

        Raises:
          UserError: it is damaged.
        """
        stored = self.stream.stored
        try:
            field, label = stored.parsed(self.source[number])
            rng = np.random.default_rng([self.plan.seed, epoch, number])
            content = field.bytes_list.value[0]
            return self.stream.crop(content, self.stream.shape, rng), label
        except (RuntimeError, *UNREADABLE) as error:
            raise stored.damaged(number, error) from error


def end_with_parent(index: int, count: int) -> None:
    """Has a worker process end soon after its parent, which a kill −9 can strike."""
    del index, count
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
