"""One step of training: what changes in it, and the jitted function that does it.

Everything that a step depends on is either in the state, which the checkpoints hold, or
a function of the seed and the step number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax.sharding import PartitionSpec
from jaxtyping import Array

from research.distributed import devices
from research.tasks.task import Batch, Task
from research.training.scaling import differentiate, initialize_scale, keep_if
from research.training.settings import parse_dtype

Augment = Callable[..., Batch]  # augment(batch, key), the images float32 in [0, 1]
NEVER = np.iinfo(np.int32).max  # the step of a loss that stayed finite


@jax.tree_util.register_dataclass
@dataclass
class State:
    """What changes from step to step, and all that a checkpoint holds.

    Attributes:
      params: the parameters, in float32.
      rest: batch statistics and the states of random streams.
      opt: the optimiser's.
      step: steps done.
      sums: what the running epoch has added up, see `initialize_sums`.
      scale: of the loss in float16, see `research.training.scaling`; otherwise None.
    """

    params: Any  # JAX rebuilds pytrees with all sorts of leaves: no types to check
    rest: Any
    opt: Any
    step: Any
    sums: Any
    scale: Any = None


class Trainer:
    """One network, its task and its optimiser on a mesh.

    Args:
      network: its parameters are copied; `network(state)` returns the trained ones.
      task: what is minimised and what is scored.
      optimizer: an Optax transformation.
      augment: `augment(batch, key) → batch`, the images float32 in [0, 1].
      dtype: of the computation: float32, bfloat16 or float16; parameters, batch
        statistics and the optimiser stay in float32.
      seed: of the augmentation.
      mesh: devices that share each batch.
      shard_state: whether each device holds a share of the parameters and of the
        optimiser's state (`devices.layout`), rather than all of them.

    Raises:
      UserError: there is no such dtype.
    """

    def __init__(
        self,
        network: nnx.Module,
        *,
        task: Task,
        optimizer: optax.GradientTransformation,
        augment: Augment,
        dtype: str,
        seed: int,
        mesh: jax.sharding.Mesh,
        shard_state: bool = False,
    ):
        network.train()
        self.graph, *states = nnx.split(network, nnx.Param, ...)
        params, rest = states
        self.mesh = mesh
        self.scores = task.scores
        initial = State(
            params=params,
            rest=nnx.as_pure(rest),
            opt=optimizer.init(params),
            step=jnp.int32(0),
            sums=initialize_sums(task.scores),
            scale=initialize_scale(parse_dtype(dtype)),
        )
        placed = devices.layout(initial, mesh, sharded=shard_state)
        self.initial = devices.put(initial, placed)
        places, structure = jax.tree.flatten(placed)
        self._key = np.asarray(jax.random.key_data(jax.random.key(seed)))
        self._step = compile_step(
            tuple(places),
            structure,
            graph=self.graph,
            task=task,
            optimizer=optimizer,
            augment=augment,
            dtype=parse_dtype(dtype),
        )

    def step(self, state: State, batch: Batch) -> State:
        """Returns the state after one more step, in place of the one given.

        Args:
          state: is used up.
          batch: on the mesh; its images are uint8.
        """
        with jax.set_mesh(self.mesh):
            return self._step(state, dict(batch), self._key)

    def begin_epoch(self, state: State) -> State:
        """Returns the state with nothing added up yet."""
        sums = devices.replicate(initialize_sums(self.scores), self.mesh)
        return replace(state, sums=sums)

    def network(self, state: State) -> nnx.Module:
        """Returns the network of a state, whole and on this process's first device."""
        params, rest = devices.whole((state.params, state.rest), self.mesh)
        network = nnx.merge(self.graph, nnx.as_pure(params), rest)
        network.eval()
        return network


@lru_cache(maxsize=64)
def compile_step(
    places: Sequence[Any], structure: Any, **static: Any
) -> Callable[..., Any]:
    """Returns the jitted step, the same for equal arguments, and so its programs.

    The jobs of a sweep that differ in their seeds compile one step between them. As for
    all of `jax.jit`'s static arguments, 1 and True are equal, and the first one stays.
    """
    return jax.jit(
        partial(train_step, **static),
        donate_argnums=0,
        out_shardings=jax.tree.unflatten(structure, places),
    )


def train_step(
    state: State,
    batch: dict[str, Array],
    key_data: Array,
    *,
    graph: nnx.GraphDef,
    task: Task,
    optimizer: optax.GradientTransformation,
    augment: Augment,
    dtype: jnp.dtype,
) -> State:
    """One step of gradient descent; pure.

    Args:
      state: before the step.
      batch: arrays with one row per example, among them `image`, uint8.
      key_data: what `jax.random.key_data` gives of the run's key.
      graph: of the network.
      task: what is minimised and what is scored.
      optimizer: an Optax transformation.
      augment: `augment(batch, key) → batch`.
      dtype: of the computation.

    Returns:
      The state after it.
    """
    key = jax.random.fold_in(jax.random.wrap_key_data(key_data), state.step)
    examples = len(batch["image"])
    scaled = batch | {"image": batch["image"].astype(jnp.float32) / 255}
    augmented = augment(scaled, key)
    batch = {**augmented, "image": augmented["image"].astype(dtype)}

    def objective(params: Any) -> tuple[Array, tuple[Any, Any]]:
        cast = jax.tree.map(lambda p: p.astype(dtype), nnx.as_pure(params))
        # A state that is split over the devices is gathered here and nowhere else.
        cast = jax.lax.with_sharding_constraint(cast, PartitionSpec())
        network = nnx.merge(graph, cast, state.rest)
        value, outputs = task.loss(network, batch)
        rest = nnx.as_pure(nnx.state(network, nnx.Not(nnx.Param)))
        return value.astype(jnp.float32), (outputs, rest)

    found = differentiate(objective, state.params, state.scale)
    value, (outputs, rest) = found.value, found.aux
    updates, opt = optimizer.update(found.grads, state.opt, state.params)
    changed = (optax.apply_updates(state.params, updates), rest, opt)
    if state.scale is not None:
        kept = (state.params, state.rest, state.opt)
        changed = keep_if(found.usable, changed, kept)
    params, rest, opt = changed
    scores = {name: each.sum() for name, each in task.score(outputs, batch).items()}
    bad = jnp.where(found.failed, state.step + 1, NEVER)
    sums = state.sums
    return State(
        params=params,
        rest=rest,
        opt=opt,
        step=state.step + 1,
        scale=found.scale,
        sums={
            "loss": sums["loss"] + value * examples,
            "scores": jax.tree.map(jnp.add, sums["scores"], scores),
            "examples": sums["examples"] + examples,
            "bad_step": jnp.minimum(sums["bad_step"], bad),
        },
    )


def initialize_sums(scores: Sequence[str]) -> dict[str, Any]:
    """Returns the sums at the start of an epoch.

    Args:
      scores: names of the task's scores.

    Returns:
      `loss`, `examples` and, by name, `scores`; and `bad_step`, the first step whose
      loss was not finite, or its gradients in spite of the least scale.
    """
    return {
        "loss": jnp.float32(0),
        "scores": {name: jnp.float32(0) for name in scores},
        "examples": jnp.int32(0),
        "bad_step": jnp.int32(NEVER),
    }
