"""One step of training: what changes in it, and the jitted function that does it.

Everything that a step depends on is either in the state, which the checkpoints hold, or
a function of the seed and the step number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
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
from research.nn.regularization import regularize
from research.tasks.task import Batch, Task
from research.training import accumulation
from research.training.averaging import Averaging
from research.training.batches import draw_for_run
from research.training.scaling import (
    Differentiated,
    differentiate,
    initialize_scale,
    keep_if,
)
from research.training.settings import parse_dtype
from research.training.state import (
    NEVER,
    State,
    Sums,
    are_finite,
    initialize_sums,
)

# augment(batch, key), the images float32 in [0, 1]. `index` and `epoch` say which
# examples these are, and `draw`, uint32, is a random number that each keeps for a run.
Augment = Callable[..., Batch]


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
      averaging: of the weights over the steps; None for none.
      accumulate: parts in which a batch goes through the network.
      gradients: whether the sums that a step returns have `gradient_norm`, that of its
        own gradient before any clipping.

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
        averaging: Averaging | None = None,
        accumulate: int = 1,
        gradients: bool = False,
    ):
        network.train()
        self.graph, *states = nnx.split(network, nnx.Param, ...)
        params, rest = states[0], nnx.as_pure(states[1])
        self.mesh = mesh
        self.scores = task.scores
        initial = State(
            params=params,
            rest=rest,
            opt=optimizer.init(params),
            step=jnp.int32(0),
            sums=initialize_sums(task.scores),
            average=averaging and jax.tree.map(jnp.copy, (params, rest)),
            scale=initialize_scale(parse_dtype(dtype)),
        )
        placed = devices.layout(initial, mesh, sharded=shard_state)
        self.initial = devices.put(initial, placed)
        places, structure = jax.tree.flatten((placed, devices.place_whole(mesh)))
        self._key = np.asarray(jax.random.key_data(jax.random.key(seed)))
        self._step, self._scan = compile_step(
            tuple(places),
            structure,
            graph=self.graph,
            task=task,
            optimizer=optimizer,
            augment=augment,
            dtype=parse_dtype(dtype),
            averaging=averaging,
            accumulate=accumulate,
            gradients=gradients,
        )

    def compile(self, batch: Batch, *, several: bool = False) -> jax.stages.Compiled:
        """Returns the program of a step, or of several, and runs nothing.

        Args:
          batch: as for `step`, or for `scan`.
          several: which of them.
        """
        program: Any = self._scan if several else self._step
        with jax.set_mesh(self.mesh):
            return program.lower(self.initial, dict(batch), self._key).compile()

    def step(self, state: State, batch: Batch) -> tuple[State, Sums]:
        """Dispatches one more step.

        Args:
          state: is used up.
          batch: on the mesh; its images are uint8.

        Returns:
          The state after it, and a copy of its sums, which outlives that state.
        """
        with jax.set_mesh(self.mesh):
            return self._step(state, dict(batch), self._key)

    def scan(self, state: State, batches: Batch) -> tuple[State, Sums]:
        """Dispatches several steps as one program; see `step`.

        Args:
          state: is used up.
          batches: of these steps, stacked.
        """
        with jax.set_mesh(self.mesh):
            return self._scan(state, dict(batches), self._key)

    def begin_epoch(self, state: State) -> State:
        """Returns the state with nothing added up yet."""
        sums = devices.replicate(initialize_sums(self.scores), self.mesh)
        return replace(state, sums=sums)

    def is_finite(self, state: State) -> bool:
        """Whether the parameters and batch statistics have a norm.

        A loss does not always tell: on a CPU, the ReLU of a NaN is 0.
        """
        with jax.set_mesh(self.mesh):
            return bool(are_finite((state.params, state.rest)))

    def network(self, state: State) -> nnx.Module:
        """Returns the network of a state, whole and on this process's first device."""
        params, rest = devices.whole((state.params, state.rest), self.mesh)
        network = nnx.merge(self.graph, nnx.as_pure(params), rest)
        network.eval()
        return network


@lru_cache(maxsize=64)
def compile_step(
    places: Sequence[Any], structure: Any, **static: Any
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Returns the jitted step, and that of several steps.

    They are the same for equal arguments, and so their programs: the jobs of a sweep
    that differ in their seeds compile one step between them. As for all of `jax.jit`'s
    static arguments, 1 and True are equal, and the first one stays.
    """
    # A loop on a CPU runs other, slower kernels, which round in another way.
    unroll = places[0].mesh.devices.flat[0].platform == "cpu"
    step: Callable[..., tuple[State, Sums]] = partial(
        train_step, unroll=unroll, **static
    )
    compile = partial(
        jax.jit,
        donate_argnums=0,
        out_shardings=jax.tree.unflatten(structure, places),
    )

    def once(state: State, batch: Batch, key: Array) -> tuple[State, Sums]:
        state, measured = step(state, batch, key)
        return state, state.sums | measured

    def several(state: State, batches: Batch, key: Array) -> tuple[State, Sums]:
        def one(state: State, batch: Batch) -> tuple[State, Sums]:
            # Fused across steps, a sum may take another order.
            apart = jax.lax.optimization_barrier((state, batch))
            return step(*apart, key)

        state, measured = jax.lax.scan(one, state, batches, unroll=unroll)
        return state, state.sums | {name: each[-1] for name, each in measured.items()}

    return compile(once), compile(several)


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
    averaging: Averaging | None = None,
    accumulate: int = 1,
    unroll: bool = True,
    gradients: bool = False,
) -> tuple[State, Sums]:
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
      averaging: of the weights; None for none.
      accumulate: parts in which the batch goes through the network.
      unroll: whether these are written out; see `accumulation.accumulate`.
      gradients: whether the norm of the gradient is measured.

    Returns:
      The state after it, and what was measured of the step: `gradient_norm` or nothing.
    """
    run_key = jax.random.wrap_key_data(key_data)
    examples = len(batch["image"])
    scaled = batch | {"image": batch["image"].astype(jnp.float32) / 255}
    if "index" in batch:
        scaled["draw"] = draw_for_run(run_key, batch["index"])
    augmented = augment(scaled, jax.random.fold_in(run_key, state.step))
    batch = {**augmented, "image": augmented["image"].astype(dtype)}

    def differentiate_part(part: Batch, rest: Any) -> Differentiated:
        def objective(params: Any) -> tuple[Array, tuple[Any, Any]]:
            cast = jax.tree.map(lambda p: p.astype(dtype), nnx.as_pure(params))
            # A state that is split over the devices is gathered here and nowhere else.
            cast = jax.lax.with_sharding_constraint(cast, PartitionSpec())
            network = nnx.merge(graph, cast, rest)
            value, outputs = task.loss(network, part)
            value = regularize(network, value, part)
            after = nnx.as_pure(nnx.state(network, nnx.Not(nnx.Param)))
            return value.astype(jnp.float32), (outputs, after)

        found = differentiate(objective, state.params, state.scale)
        outputs, after = found.aux
        scores = {name: each.sum() for name, each in task.score(outputs, part).items()}
        return found._replace(aux=(scores, after))

    found = accumulation.accumulate(
        differentiate_part, state.rest, batch, accumulate, unroll=unroll
    )
    value, (scores, rest) = found.value, found.aux
    updates, opt = optimizer.update(found.grads, state.opt, state.params)
    changed = (optax.apply_updates(state.params, updates), rest, opt)
    if state.scale is not None:
        kept = (state.params, state.rest, state.opt)
        changed = keep_if(found.usable, changed, kept)
    params, rest, opt = changed
    bad = jnp.where(found.failed, state.step + 1, NEVER)
    sums, average = state.sums, state.average
    if averaging is not None:
        average, (params, rest) = averaging.update(
            average, (params, rest), state.step + 1
        )
    measured = {"gradient_norm": optax.tree.norm(found.grads)} if gradients else {}
    changed_state = State(
        params=params,
        rest=rest,
        opt=opt,
        average=average,
        step=state.step + 1,
        scale=found.scale,
        sums={
            "loss": sums["loss"] + value * examples,
            "scores": jax.tree.map(jnp.add, sums["scores"], scores),
            "examples": sums["examples"] + examples,
            "bad_step": jnp.minimum(sums["bad_step"], bad),
        },
    )
    return changed_state, measured
