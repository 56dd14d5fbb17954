"""Training: steps dispatched from Python over a device mesh, never losing a run.

Everything that a step depends on is either in the state, which the checkpoints hold, or
a function of the seed and the step number. So a run that was killed at any moment goes
on from its last checkpoint bit by bit as if nothing had happened: on a CPU always, on a
GPU with `deterministic=true` (`research.distributed.determinism`).
"""

from __future__ import annotations

import signal
import time
from contextlib import closing
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
from research.training.batches import feed
from research.training.checkpoint import Checkpoints
from research.training.observer import Observer
from research.training.settings import Training
from research.training.step import NEVER, Augment, State, Trainer
from research.training.validation import validate

# Steps between two waits for the devices. XLA lets 32 programs be under way on a CPU
# device, and a step is two. One more would wait on a thread that another device may
# need for the all-reduce that all wait for: one step in several thousand hung.
SYNC_STEPS = 10


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
    validation: Split | None = None,
    observer: Observer | None = None,
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
      validation: examples that are scored after each epoch, if there are any.
      observer: hears of steps, epochs and damaged checkpoints.

    Returns:
      The trained network, in inference mode, on the first device of this process.

    Raises:
      UserError: the batch is larger than the split, or the loss is not finite.
      Interrupted: SIGTERM or SIGINT came; the state is saved.
    """
    observer = observer or Observer()
    plan = training.plan(len(split), seed=seed)
    mesh = devices.world(training.batch_size)
    trainer = Trainer(
        network,
        task=task,
        optimizer=optimizer,
        augment=augment,
        dtype=training.dtype,
        seed=seed,
        mesh=mesh,
        shard_state=training.shard_state,
    )
    first, state, notes = resume(trainer, checkpoints)
    observer.resume(first, notes)
    source = feed(split, mesh, device_bytes=training.device_bytes)
    batches = source.batches(plan, first, lambda: not state.step.is_ready())
    saved = started = time.monotonic()
    with closing(batches), checkpoints, caught_signals() as caught:
        for step, batch in enumerate(batches, first + 1):
            state = trainer.step(state, batch)
            place = {"step": step, "epoch": -(-step // plan.per_epoch)}
            ends = step % plan.per_epoch == 0
            waits = ends or step % SYNC_STEPS == 0
            late = time.monotonic() - saved > training.checkpoint_seconds
            signalled = caught() or 0
            stop, due = hosts.reduce_max(signalled, bool(signalled) or late, now=waits)
            means = summarize(state, checkpoints) if waits or due else {}
            observer.advance(step, place | means)
            if ends:
                passed = time.monotonic() - started
                speed = {
                    "examples_per_second": (step - first) * plan.batch_size / passed,
                    "input_wait": batches.idle / passed,
                }
                observer.record(place | {"split": "train"} | speed | means)
                if validation is not None and len(validation):
                    now = trainer.network(state)
                    means = validate(
                        now, validation, task=task, batch_size=plan.batch_size
                    )
                    observer.record(place | {"split": "validation"} | means)
                state = trainer.begin_epoch(state)
            if due or step == len(plan):
                checkpoints.save(step, state)
                saved = time.monotonic()
            if stop:
                checkpoints.wait()
                raise Interrupted(signal.Signals(stop), step)
    return trainer.network(state)


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


def summarize(state: State, checkpoints: Checkpoints) -> dict[str, float | int]:
    """Returns mean loss and scores of the running epoch; waits for the devices.

    Raises:
      UserError: a loss was not finite.
    """
    sums = jax.device_get(state.sums)
    if sums["bad_step"] != NEVER:
        good = checkpoints.steps()
        last = checkpoints.folder / str(good[-1]) if good else "none yet"
        raise UserError(
            f"the loss is not finite at step {sums['bad_step']} (last good checkpoint: "
            f"{last}); try a lower optim.learning_rate, optim.clip=1.0, a warm-up "
            "(optim.schedule.warmup) or train.dtype=float32"
        )
    examples = int(sums["examples"])
    means = {name: float(total) / examples for name, total in sums["scores"].items()}
    return {"examples": examples, "loss": float(sums["loss"]) / examples} | means
