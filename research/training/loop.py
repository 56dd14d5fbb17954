"""Training: steps dispatched from Python over a device mesh, never losing a run.

Everything that a step depends on is either in the state, which the checkpoints hold, or
a function of the seed and the step number. So a run that was killed at any moment goes
on from its last checkpoint bit by bit as if nothing had happened.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from contextlib import closing

import jax
import optax
from flax import nnx
from jaxtyping import Array

from research.data.plan import Plan
from research.data.split import Split
from research.data.stream import Stream
from research.distributed import devices, hosts
from research.errors import Interrupted, UserError
from research.files.lines import MetricsFile
from research.jobs.signals import caught_signals
from research.training.batches import feed
from research.training.checkpoint import Checkpoints
from research.training.step import NEVER, Loss, State, Trainer, empty_sums


def fit(
    network: nnx.Module,
    split: Split | Stream,
    *,
    loss: Loss,
    optimizer: Callable[..., optax.GradientTransformation],
    augment: Callable[..., Array],
    checkpoints: Checkpoints,
    metrics: MetricsFile,
    validate: Callable[[nnx.Module], dict[str, float | int]] | None = None,
    show: Callable[[int, str], None] = lambda step, text: None,
    warn: Callable[[str], None] = lambda line: None,
    epochs: int = 10,
    batch_size: int = 128,
    dtype: str = "float32",
    seed: int = 0,
    checkpoint_seconds: float = 60.0,
    sync_steps: int = 10,
    device_bytes: int = 2**31,
    shard_state: bool = False,
) -> nnx.Module:
    """Trains a network to its last epoch, from its newest good checkpoint if any.

    Each epoch is a new order of all examples; the remainder that does not fill a batch
    is left out of that epoch.

    Args:
      network: freshly initialised.
      split: training images and labels.
      loss: `loss(network, images, labels) → (scalar, logits)`.
      optimizer: factory `optimizer(steps_per_epoch=…, epochs=…)`.
      augment: `augment(images, key) → images`.
      checkpoints: where to go on from, and where to save.
      metrics: takes one row an epoch; `input_wait` is the share of the time since the
        start in which the devices had nothing to do for want of a batch.
      validate: `network → measures`, called after each epoch.
      show: called after each step with its number, now and then with a text about it.
      warn: called with a line when something was mended.
      epochs: passes over the split.
      batch_size: examples a step, over all devices.
      dtype: of the computation.
      seed: of orders and augmentations.
      checkpoint_seconds: at most so much work is lost to a kill −9.
      sync_steps: steps between looks at the loss, which wait for the devices. XLA lets
        32 programs be under way on a CPU device, and a step is two. One more would wait
        on a thread that another device may need for the all-reduce that all wait for:
        under load a step in some thousands so stopped for ever.
      device_bytes: a split up to this size is kept on the devices.
      shard_state: whether parameters and the optimiser's state are split over the
        devices, rather than whole on each.

    Returns:
      The trained network, in inference mode, on the first device of this process.

    Raises:
      UserError: the batch is larger than the split, or the loss is not finite.
      Interrupted: SIGTERM or SIGINT came; the state is saved.
    """
    steps_per_epoch = steps(len(split), batch_size=batch_size)
    plan = Plan(len(split), batch_size, epochs, seed)
    mesh = devices.world(batch_size)
    trainer = Trainer(
        network,
        loss=loss,
        optimizer=optimizer(steps_per_epoch=steps_per_epoch, epochs=epochs),
        augment=augment,
        dtype=dtype,
        seed=seed,
        mesh=mesh,
        shard_state=shard_state,
    )
    step, state, notes = checkpoints.restore(trainer.initial)
    for note in notes:
        warn(note)
    metrics.truncate(step)
    source = feed(split, mesh, device_bytes=device_bytes)
    first = step
    batches = source.batches(plan, first, lambda: not state.step.is_ready())
    saved = started = time.monotonic()
    with closing(batches), caught_signals() as caught:
        for batch in batches:
            state = trainer.step(state, batch["image"], batch["label"])
            step += 1
            epoch = -(-step // steps_per_epoch)
            ends = step % steps_per_epoch == 0
            looks = ends or step % sync_steps == 0
            stop = caught() or 0
            due = stop > 0 or time.monotonic() - saved > checkpoint_seconds
            stop, due = hosts.largest(stop, due, now=looks)
            if looks or due:
                row = summary(state, checkpoints)
                show(step, f"epoch {epoch}  loss {row['loss']:.3f}")
            else:
                show(step, "")
            if ends:
                passed = time.monotonic() - started
                speed = {
                    "examples_per_second": (step - first) * batch_size / passed,
                    "input_wait": batches.idle / passed,
                }
                place = {"step": step, "epoch": epoch}
                metrics.append(place | {"split": "train"} | speed | row)
                if validate is not None:
                    measures = validate(trainer.network(state))
                    metrics.append(place | {"split": "validation"} | measures)
                state.sums = devices.replicate(empty_sums(), mesh)
            if due or step == len(plan):
                checkpoints.save(step, state)
                saved = time.monotonic()
            if stop:
                raise Interrupted(signal.Signals(stop), step)
    return trainer.network(state)


def steps(examples: int, *, batch_size: int, epochs: int = 1) -> int:
    """Returns how many steps that many epochs have.

    Raises:
      UserError: there would be none.
    """
    if not 1 <= batch_size <= examples:
        raise UserError(
            f"train.batch_size={batch_size} for {examples} training examples: takes 1 "
            f"to {examples}; use another, or a larger data.train_examples"
        )
    if epochs < 1:
        raise UserError(f"train.epochs={epochs}: takes an integer of at least 1")
    return epochs * (examples // batch_size)


def restored(network: nnx.Module, checkpoints: Checkpoints) -> nnx.Module:
    """Returns the network with the newest good parameters, in inference mode.

    Raises:
      UserError: there are none.
    """
    network.eval()
    graph, params, rest = nnx.split(network, nnx.Param, ...)
    like = {"params": params, "rest": nnx.as_pure(rest)}
    step, state, _ = checkpoints.restore(like)
    if not step:
        raise UserError(
            f"{checkpoints.folder}: no good checkpoint; train first, with the command "
            "that provenance.json names"
        )
    return nnx.merge(graph, nnx.as_pure(state["params"]), state["rest"])


def summary(state: State, checkpoints: Checkpoints) -> dict[str, float | int]:
    """Returns mean loss and accuracy of the running epoch; waits for the devices.

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
    return {
        "examples": examples,
        "loss": float(sums["loss"]) / examples,
        "accuracy": float(sums["correct"]) / examples,
    }
