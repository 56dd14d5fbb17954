"""Training: steps dispatched from Python over a device mesh, never losing a run.

Everything that a step depends on is either in the state, which the checkpoints hold, or
a function of the seed and the step number. So a run that was killed at any moment goes
on from its last checkpoint bit by bit as if nothing had happened: on a CPU always, on a
GPU with `deterministic=true` (`research.distributed.determinism`).
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from contextlib import closing, nullcontext
from dataclasses import replace
from typing import Any

import jax
import optax
from flax import nnx

from research.data.split import Split
from research.data.stream import Stream
from research.distributed import devices, hosts
from research.errors import Interrupted, UserError
from research.jobs.signals import caught_signals
from research.tasks.task import Task
from research.training.averaging import Averaging
from research.training.batches import Resident, feed
from research.training.best import Best
from research.training.checkpoint import Checkpoints
from research.training.observer import Observer
from research.training.queue import Queue
from research.training.settings import Training
from research.training.state import NEVER, State, Sums
from research.training.step import Augment, Trainer
from research.training.tracing import Tracing
from research.training.validation import validate

ASK = 10  # dispatches between two moments at which several processes agree


def fit(
    network: nnx.Module,
    split: Split | Stream,
    *,
    task: Task,
    optimizer: optax.GradientTransformation,
    augment: Augment,
    training: Training,
    seed: int,
    checkpoints: Checkpoints,
    averaging: Callable[..., Averaging] | None = None,
    validation: Split | None = None,
    observer: Observer | None = None,
    tracing: Tracing | None = None,
) -> nnx.Module:
    """Trains a network to its last epoch, from its newest good checkpoint if any.

    Each epoch is a new order of all examples; the remainder that does not fill a batch
    is left out of that epoch. A row of an epoch has the mean `loss` and scores, and
    `input_wait`, the share of the time since the start in which the devices had nothing
    to do for want of a batch.

    Args:
      network: freshly initialised.
      split: training examples.
      task: what is minimised and what is scored.
      optimizer: an Optax transformation, its schedule as long as the training.
      augment: `augment(batch, key) → batch`.
      training: the settings.
      seed: of orders and augmentations.
      checkpoints: where to go on from, and where to save.
      averaging: factory `averaging(steps=…)` of an average of the weights.
      validation: examples that are scored after each epoch, if there are any.
      observer: hears of steps, epochs and damaged checkpoints.
      tracing: traces some steps; None: none.

    Returns:
      The trained network, in inference mode, on the first device of this process.

    Raises:
      UserError: the batch is larger than the split, or the loss is not finite.
      Interrupted: a signal came (`research.jobs.signals`); the state is saved.
    """
    observer = observer or Observer()
    plan = training.plan(len(split), seed=seed)
    mesh = devices.world(training.part)
    trainer = Trainer(
        network,
        task=task,
        optimizer=optimizer,
        augment=augment,
        dtype=training.dtype,
        seed=seed,
        mesh=mesh,
        shard_state=training.shard_state,
        averaging=averaging and averaging(steps=len(plan)),
        accumulate=training.accumulate,
        gradients=observer.gradients,
    )
    first, state, notes = resume(trainer, checkpoints)
    best = None
    if training.keep_best is not None:
        best = Best(checkpoints.folder, training.keep_best)
        notes = [*notes, *best.resume(first)]
    observer.resume(first, notes)
    source = feed(split, mesh, device_bytes=training.device_bytes)
    resident = isinstance(source, Resident)
    most = training.steps_of_a_dispatch(plan, resident=resident)
    dispatches = plan.dispatches(first, most)
    batches = source.batches(plan, first, lambda: not state.step.is_ready(), most)
    queue, clock = Queue(), Clock(first, plan.batch_size)
    kept, traced = best or nullcontext(), tracing or nullcontext()
    with closing(batches), traced, checkpoints, kept, caught_signals() as caught:
        for number, (steps, batch) in enumerate(zip(dispatches, batches, strict=True)):
            if tracing is not None:
                tracing.begin(steps)
            advance = trainer.step if len(steps) == 1 else trainer.scan
            state, sums = advance(state, batch)
            step = steps.stop
            if tracing is not None:
                tracing.end(step, state)
            place = {"step": step, "epoch": -(-step // plan.per_epoch)}
            ends = step % plan.per_epoch == 0
            waits = ends or number % ASK == 0
            late = clock.since_save() > training.checkpoint_seconds
            signalled = caught() or 0
            stop, due = hosts.reduce_max(signalled, bool(signalled) or late, now=waits)
            due = due or step == len(plan)
            # Nothing is saved or written down before it was seen to be finite.
            seen = ends or due
            known = queue.push(sums)
            known = queue.drain() if seen else known
            means = {} if known is None else summarize(known, checkpoints)
            if seen and not trainer.is_finite(state):
                what = f"the norm of the parameters is not finite by step {step}"
                raise diverged(what, checkpoints)
            now = {"idle": batches.idle, **measured_last(known)}
            observer.advance(step, place | means | now)
            if ends:
                speed = clock.speed(step, batches.idle)
                observer.record(place | {"split": "train"} | speed | means)
                if validation is not None and len(validation):
                    means = validate(
                        trainer.network(state),
                        validation,
                        task=task,
                        batch_size=plan.batch_size,
                    )
                    observer.record(place | {"split": "validation"} | means)
                    if best is not None:
                        best.consider(step, trainer, state, means)
                state = trainer.begin_epoch(state)
            if due:
                checkpoints.save(step, state)
                clock.saved()
            if stop:
                checkpoints.wait()
                if best is not None:
                    best.checkpoints.wait()
                raise Interrupted(signal.Signals(stop), step)
    return trainer.network(state)


class Clock:
    """How long training has gone on, and since when nothing was saved.

    Args:
      first: step that it goes on from.
      batch_size: examples of a step.
    """

    def __init__(self, first: int, batch_size: int):
        self.first, self.batch_size = first, batch_size
        self._started = self._saved = time.monotonic()

    def since_save(self) -> float:
        """Returns seconds."""
        return time.monotonic() - self._saved

    def saved(self) -> None:
        """Counts from now."""
        self._saved = time.monotonic()

    def speed(self, step: int, idle: float) -> dict[str, float]:
        """Returns examples a second, and the share of the time without a batch.

        Args:
          step: that was done last.
          idle: seconds for which the devices had no batch.
        """
        passed = time.monotonic() - self._started
        examples = (step - self.first) * self.batch_size
        return {"examples_per_second": examples / passed, "input_wait": idle / passed}


def resume(trainer: Trainer, checkpoints: Checkpoints) -> tuple[int, State, list[str]]:
    """Returns what training goes on from: see `Checkpoints.resume`.

    A checkpoint of the first edition lacks the sums of the scores. What it has added up
    of its epoch is dropped: the row of that epoch is of the rest of it, as `examples`
    in it says. One in float16 may lack the scale of the loss, which then starts anew.
    """
    step, state, notes = checkpoints.resume(trainer.initial)
    if not is_whole(state.sums):
        state = trainer.begin_epoch(state)
    if not is_whole(state.scale):
        state = replace(state, scale=trainer.initial.scale)
    return step, state, notes


def is_whole(tree: Any) -> bool:
    """Whether a checkpoint had every array of a tree."""
    return all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(tree))


def restore_network(
    network: nnx.Module, checkpoints: Checkpoints
) -> tuple[nnx.Module, list[str]]:
    """Returns the network with the newest good parameters, in inference mode.

    Args:
      network: of the same structure.
      checkpoints: are only read.

    Returns:
      The network, and a line for each newer checkpoint that was found damaged.

    Raises:
      UserError: there is no good checkpoint.
    """
    network.eval()
    graph, *states = nnx.split(network, nnx.Param, ...)
    params, rest = states
    like = {"params": params, "rest": nnx.as_pure(rest)}
    step, state, notes = checkpoints.restore(like)
    if not step:
        raise UserError(
            f"{checkpoints.folder}: no good checkpoint; train first, with the command "
            "that provenance.json names"
        )
    return nnx.merge(graph, nnx.as_pure(state["params"]), state["rest"]), notes


def summarize(sums: Sums, checkpoints: Checkpoints) -> dict[str, float | int]:
    """Returns mean loss and scores of the running epoch.

    Args:
      sums: of its steps, on the host.
      checkpoints: the last of which is named where a loss was not finite.

    Raises:
      UserError: a loss was not finite.
    """
    if sums["bad_step"] != NEVER:
        raise diverged(
            f"the loss is not finite at step {sums['bad_step']}", checkpoints
        )
    examples = int(sums["examples"])
    means = {name: float(total) / examples for name, total in sums["scores"].items()}
    return {"examples": examples, "loss": float(sums["loss"]) / examples} | means


def measured_last(sums: Sums | None) -> dict[str, float]:
    """Returns what sums say of their last step alone."""
    name = "gradient_norm"
    return {} if sums is None or name not in sums else {name: float(sums[name])}


def diverged(what: str, checkpoints: Checkpoints) -> UserError:
    """Returns the error for a training that came to numbers that are none."""
    good = checkpoints.steps()
    last = checkpoints.folder / str(good[-1]) if good else "none yet"
    return UserError(
        f"{what} (last good checkpoint: {last}); try a lower optim.learning_rate, "
        "optim.clip=1.0, a warm-up (optim.schedule.warmup) or train.dtype=float32"
    )
