"""Training: jitted steps dispatched from Python over a mesh, never losing a run.

Everything that a step depends on is either in the state, which the checkpoints hold, or
a function of the seed and the step number. So a run that was killed at any moment goes
on from its last checkpoint bit by bit as if nothing had happened.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jaxtyping import Array

from research import devices
from research.checkpoint import Checkpoints
from research.data.feed import epoch_order, feed
from research.data.source import Split
from research.errors import Interrupted, UserError
from research.interrupts import caught_signals
from research.results import Metrics

Loss = Callable[..., tuple[Array, Array]]  # loss(network, images, labels)


@jax.tree_util.register_dataclass
@dataclass
class State:
    """What changes from step to step, and all that a checkpoint holds.

    Attributes:
      params: the parameters, in float32.
      rest: batch statistics and the states of random streams.
      opt: the optimiser's.
      step: steps done.
      sums: what the running epoch has added up: loss, correct, examples; and the first
        step whose loss was not finite.
    """

    params: Any  # JAX rebuilds pytrees with all sorts of leaves: no types to check
    rest: Any
    opt: Any
    step: Any
    sums: Any


class Trainer:
    """One network, its loss and its optimiser on a mesh.

    Args:
      network: trained in place of its parameters: read them back with `network(state)`.
      loss: `loss(network, images, labels) → (scalar, logits)`.
      optimizer: an Optax transformation.
      augment: `augment(images, key) → images`, images float32 in [0, 1].
      dtype: of the computation; parameters, batch statistics and the optimiser stay in
        float32.
      seed: of the augmentation.
      mesh: devices that share each batch.
    """

    def __init__(
        self,
        network: nnx.Module,
        *,
        loss: Loss,
        optimizer: optax.GradientTransformation,
        augment: Callable[..., Array],
        dtype: str,
        seed: int,
        mesh: jax.sharding.Mesh,
    ):
        network.train()
        self.graph, params, rest = nnx.split(network, nnx.Param, ...)
        self.mesh = mesh
        self.initial = devices.replicate(
            State(
                params=params,
                rest=nnx.as_pure(rest),
                opt=optimizer.init(params),
                step=jnp.int32(0),
                sums=empty_sums(),
            ),
            mesh,
        )
        self.step = jax.jit(
            partial(
                train_step,
                graph=self.graph,
                loss=loss,
                optimizer=optimizer,
                augment=augment,
                dtype=jnp.dtype(dtype),
                seed=seed,
            ),
            donate_argnums=0,
        )

    def network(self, state: State) -> nnx.Module:
        """Returns the network with the parameters and statistics of a state."""
        network = nnx.merge(self.graph, nnx.as_pure(state.params), state.rest)
        network.eval()
        return network


def train_step(
    state: State,
    pixels: Array,
    labels: Array,
    *,
    graph: nnx.GraphDef,
    loss: Loss,
    optimizer: optax.GradientTransformation,
    augment: Callable[..., Array],
    dtype: jnp.dtype,
    seed: int,
) -> State:
    """One step of gradient descent on uint8 images; pure."""
    key = jax.random.fold_in(jax.random.key(seed), state.step)
    images = augment(pixels.astype(jnp.float32) / 255, key).astype(dtype)

    def objective(params: Any) -> tuple[Array, tuple[Array, Any]]:
        cast = jax.tree.map(lambda p: p.astype(dtype), nnx.as_pure(params))
        network = nnx.merge(graph, cast, state.rest)
        value, logits = loss(network, images, labels)
        rest = nnx.as_pure(nnx.state(network, nnx.Not(nnx.Param)))
        return value.astype(jnp.float32), (logits, rest)

    gradient = jax.value_and_grad(objective, has_aux=True)
    (value, (logits, rest)), grads = gradient(state.params)
    updates, opt = optimizer.update(grads, state.opt, state.params)
    sums, count = state.sums, labels.shape[0]
    bad = jnp.where(jnp.isfinite(value), NEVER, state.step + 1)
    return State(
        params=optax.apply_updates(state.params, updates),
        rest=rest,
        opt=opt,
        step=state.step + 1,
        sums={
            "loss": sums["loss"] + value * count,
            "correct": sums["correct"] + (logits.argmax(-1) == labels).sum(),
            "examples": sums["examples"] + count,
            "bad_step": jnp.minimum(sums["bad_step"], bad),
        },
    )


NEVER = np.iinfo(np.int32).max


def empty_sums() -> dict[str, Array]:
    """Returns the sums at the start of an epoch."""
    return {
        "loss": jnp.float32(0),
        "correct": jnp.int32(0),
        "examples": jnp.int32(0),
        "bad_step": jnp.int32(NEVER),
    }


def fit(
    network: nnx.Module,
    split: Split,
    *,
    loss: Loss,
    optimizer: Callable[..., optax.GradientTransformation],
    augment: Callable[..., Array],
    checkpoints: Checkpoints,
    metrics: Metrics,
    validate: Callable[[nnx.Module], dict[str, float | int]] | None = None,
    show: Callable[[int, str], None] = lambda step, text: None,
    warn: Callable[[str], None] = lambda line: None,
    epochs: int = 10,
    batch_size: int = 128,
    dtype: str = "float32",
    seed: int = 0,
    checkpoint_seconds: float = 60.0,
    sync_steps: int = 20,
    device_bytes: int = 2**31,
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
      metrics: takes one row an epoch.
      validate: `network → measures`, called after each epoch.
      show: called after each step with its number, now and then with a text about it.
      warn: called with a line when something was mended.
      epochs: passes over the split.
      batch_size: examples a step, over all devices.
      dtype: of the computation.
      seed: of orders and augmentations.
      checkpoint_seconds: at most so much work is lost to a kill −9.
      sync_steps: steps between looks at the loss, which wait for the devices.
      device_bytes: a split up to this size is kept on the devices.

    Returns:
      The trained network, in inference mode.

    Raises:
      UserError: the batch is larger than the split, or the loss is not finite.
      Interrupted: SIGTERM or SIGINT came; the state is saved.
    """
    steps_per_epoch = len(split) // batch_size
    if not steps_per_epoch:
        raise UserError(
            f"train.batch_size={batch_size} is more than the {len(split)} training "
            "examples; use a smaller one, or a larger data.train_examples"
        )
    mesh = devices.mesh(batch_size)
    trainer = Trainer(
        network,
        loss=loss,
        optimizer=optimizer(steps_per_epoch=steps_per_epoch, epochs=epochs),
        augment=augment,
        dtype=dtype,
        seed=seed,
        mesh=mesh,
    )
    step, state, notes = checkpoints.restore(trainer.initial)
    for note in notes:
        warn(note)
    metrics.truncate(step)
    source = feed(split, mesh, device_bytes=device_bytes)
    total = epochs * steps_per_epoch
    first = step
    saved = started = time.monotonic()

    def order() -> Iterator[tuple[int, np.ndarray]]:
        for epoch in range(first // steps_per_epoch, epochs):
            permuted = epoch_order(len(split), seed=seed, epoch=epoch)
            for position in range(steps_per_epoch):
                if epoch * steps_per_epoch + position >= first:
                    at = position * batch_size
                    yield epoch + 1, permuted[at : at + batch_size]

    with caught_signals() as signal:
        for epoch, indices in order():
            state = trainer.step(state, *source.batch(indices))
            step += 1
            ends = step % steps_per_epoch == 0
            stop = signal() is not None
            due = stop or time.monotonic() - saved > checkpoint_seconds
            if ends or due or step % sync_steps == 0:
                row = summary(state, checkpoints)
                show(step, f"epoch {epoch}  loss {row['loss']:.3f}")
            else:
                show(step, "")
            if ends:
                rate = (step - first) * batch_size / (time.monotonic() - started)
                place = {"step": step, "epoch": epoch}
                metrics.append(
                    place | {"split": "train", "examples_per_second": rate} | row
                )
                if validate is not None:
                    measures = validate(trainer.network(state))
                    metrics.append(place | {"split": "validation"} | measures)
                state.sums = devices.replicate(empty_sums(), mesh)
            if due or step == total:
                checkpoints.save(step, state)
                saved = time.monotonic()
            if stop:
                raise Interrupted(signal(), step)
    return trainer.network(state)


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
