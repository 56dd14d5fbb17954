"""One step of training: what changes in it, and the jitted function that does it.

Everything that a step depends on is either in the state, which the checkpoints hold, or
a function of the seed and the step number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
from research.errors import UserError

Loss = Callable[..., tuple[Array, Array]]  # loss(network, images, labels)
DTYPES = ("float32", "bfloat16", "float16")  # that a network can compute in
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
      augment: `augment(batch, key) → batch`, its `image` float32 in [0, 1].
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
        loss: Loss,
        optimizer: optax.GradientTransformation,
        augment: Callable[..., Array],
        dtype: str,
        seed: int,
        mesh: jax.sharding.Mesh,
        shard_state: bool = False,
    ):
        network.train()
        self.graph, params, rest = nnx.split(network, nnx.Param, ...)
        self.mesh = mesh
        initial = State(
            params=params,
            rest=nnx.as_pure(rest),
            opt=optimizer.init(params),
            step=jnp.int32(0),
            sums=empty_sums(),
        )
        placed = devices.layout(initial, mesh, sharded=shard_state)
        self.initial = devices.put(initial, placed)
        places, structure = jax.tree.flatten(placed)
        self._key = np.asarray(jax.random.key_data(jax.random.key(seed)))
        self._step = jitted(
            tuple(places),
            structure,
            graph=self.graph,
            loss=loss,
            optimizer=optimizer,
            augment=augment,
            dtype=computing(dtype),
        )

    def step(self, state: State, pixels: Array, labels: Array) -> State:
        """Returns the state after one more step, in place of the one given."""
        with jax.set_mesh(self.mesh):
            return self._step(state, pixels, labels, self._key)

    def network(self, state: State) -> nnx.Module:
        """Returns the network of a state, whole and on this process's first device."""
        params, rest = devices.whole((state.params, state.rest), self.mesh)
        network = nnx.merge(self.graph, nnx.as_pure(params), rest)
        network.eval()
        return network


@lru_cache(maxsize=4)
def jitted(places: Sequence[Any], structure: Any, **static: Any) -> Callable[..., Any]:
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
    pixels: Array,
    labels: Array,
    key_data: Array,
    *,
    graph: nnx.GraphDef,
    loss: Loss,
    optimizer: optax.GradientTransformation,
    augment: Callable[..., Array],
    dtype: jnp.dtype,
) -> State:
    """One step of gradient descent on uint8 images; pure.

    `key_data` is what `jax.random.key_data` gives of the run's key.
    """
    key = jax.random.fold_in(jax.random.wrap_key_data(key_data), state.step)
    batch = {"image": pixels.astype(jnp.float32) / 255, "label": labels}
    images = augment(batch, key)["image"].astype(dtype)

    def objective(params: Any) -> tuple[Array, tuple[Array, Any]]:
        cast = jax.tree.map(lambda p: p.astype(dtype), nnx.as_pure(params))
        # Where the state is split, its shares come together here, and nowhere else.
        cast = jax.lax.with_sharding_constraint(cast, PartitionSpec())
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


def empty_sums() -> dict[str, Array]:
    """Returns the sums at the start of an epoch."""
    return {
        "loss": jnp.float32(0),
        "correct": jnp.int32(0),
        "examples": jnp.int32(0),
        "bad_step": jnp.int32(NEVER),
    }


def computing(dtype: str) -> jnp.dtype:
    """Returns a dtype that a network can compute in.

    Raises:
      UserError: it is none.
    """
    if dtype not in DTYPES:
        raise UserError(f"train.dtype={dtype}: there are {', '.join(DTYPES)}")
    return jnp.dtype(dtype)
