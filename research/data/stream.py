"""A training split that does not fit: read, decoded and cropped as it is needed.

A cropped example is a function of seed, epoch and its number. So a stream has no state
that a checkpoint must hold, can go on from any step, and does not depend on how many
threads, worker processes or hosts share the work. Grain runs these ahead of training.
"""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from research.cores import count_cores
from research.data.arrays import Example, Image
from research.data.images import UNREADABLE
from research.data.masks import MASK
from research.data.plan import Plan
from research.errors import UserError
from research.types import Count, Natural

Crop = Callable[..., Image]  # crop(content, shape, rng), labels=True of label maps
Batch = dict[str, np.ndarray]  # name → array with one row per example


class Stream:
    """The first examples of a prepared split, in place of arrays of them.

    Args:
      records: the split as TFDS stored it, a `tfds_reader.Records`.
      examples: how many, from the first.
      crop: `crop(content, shape, rng)` decodes and crops an encoded image.
      threads: how many decode, each a batch of its own, so that as many batches are in
        memory; None: one for each processor.
      workers: processes that decode, with `threads` each; 0: this one, which suffices
        until that many threads wait for Python's lock, since decoding does not hold it.

    Raises:
      UserError: the images are not stored as PNG or JPEG.
    """

    def __init__(
        self,
        records: Any,
        *,
        examples: int,
        crop: Crop,
        threads: Count | None = None,
        workers: Natural = 0,
    ):
        self.examples = examples
        self.shape = records.shape
        self.crop = crop
        self.threads = threads or count_cores()
        self.workers = workers
        self.records = records
        if not records.encoded:
            raise UserError(
                f"data/stream=…: {records.name} is stored as plain arrays, and "
                "streams are of PNG and JPEG; take data/stream=none"
            )

    def __len__(self) -> int:
        return self.examples

    def __getitem__(self, name: str) -> NoReturn:
        """Refuses: evaluators ask a split for its arrays, and a stream has none.

        Raises:
          UserError: always.
        """
        raise self.refusal()

    def refusal(self) -> UserError:
        """Returns the error for an evaluator that asks for arrays."""
        return UserError(
            f"split={self.records.split}: the training images of {self.records.name} "
            "are streamed, and arrays are wanted; take data/stream=none, or, if it is "
            "an evaluator, split=test or split=validation, and leave fit out of eval"
        )

    @property
    def images(self) -> NoReturn:
        """As `Split.images`; raises UserError."""
        raise self.refusal()

    @property
    def labels(self) -> NoReturn:
        """As `Split.labels`; raises UserError."""
        raise self.refusal()

    def first(self, examples: int | None, name: str = "") -> NoReturn:
        """As `Split.first`; raises UserError."""
        del examples, name
        raise self.refusal()

    def batches(
        self, plan: Plan, start: int, rows: slice
    ) -> Generator[Batch, None, None]:
        """Yields the given rows of the batch of each step from `start` on."""
        import grain  # takes a second, as TFDS does
        from absl import flags
        from array_record.python.array_record_data_source import ArrayRecordDataSource

        source = ArrayRecordDataSource(self.records.files)
        steps = Steps(self, source, plan, rows)
        threads = grain.ReadOptions(self.threads, self.threads)
        data = grain.MapDataset.source(steps)[start:].to_iter_dataset(threads)
        if self.workers:
            flags.FLAGS.mark_as_parsed()  # Grain reads absl's, which nobody has parsed
            processes = grain.MultiprocessingOptions(num_workers=self.workers)
            data = data.mp_prefetch(processes, end_with_parent)
        try:
            with closing(iter(data)) as batches:
                yield from map(copy_batch, batches) if self.workers else batches
        finally:
            if self.workers:  # Grain's iterators refer to themselves, and to arrays
                del data, batches
                gc.collect()


def copy_batch(batch: Batch) -> Batch:
    """Returns a batch in memory of this process, in place of what workers share.

    Shared memory is freed with the last reference to its array, and JAX may keep one
    until the process ends.
    """
    return {name: np.array(array) for name, array in batch.items()}


@dataclass(frozen=True)
class Steps:
    """The batch of each step, as a random-access source for Grain.

    Attributes:
      stream: what they are of.
      source: its records by number, as bytes.
      plan: the examples of each step.
      rows: of each batch, the ones for this process.
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
        examples = [self.example(number, epoch) for number in chosen]
        return {name: np.stack([one[name] for one in examples]) for name in examples[0]}

    def example(self, number: int, epoch: int) -> Example:
        """Returns an example as it is cropped in an epoch.

        Raises:
          UserError: it is damaged.
        """
        records = self.stream.records
        try:
            stored = records.parse(self.source[number])
            height, width, channels = self.stream.shape

            def crop(content: bytes, channels: int, **options: Any) -> Image:
                rng = np.random.default_rng([self.plan.seed, epoch, number])
                shape = height, width, channels
                return self.stream.crop(content, shape, rng, **options)

            image = crop(stored.image.bytes_list.value[0], channels)
            example = {"image": image, "label": stored.label}
            if stored.mask is not None:  # the same draws give the same part of it
                example[MASK] = crop(stored.mask, 1, labels=True)[..., 0]
        except (RuntimeError, *UNREADABLE) as error:
            raise records.damage_error(number, error) from error
        return example


def end_with_parent(index: int, count: int) -> None:
    """Ends a worker process soon after its parent, even one that kill −9 has ended."""
    del index, count
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
