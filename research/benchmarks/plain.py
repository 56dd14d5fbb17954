"""What a user has who only calls `config.network` and `jax.jit`: nothing is set up.

`python -m research.benchmarks.plain CASE` is such a program, on JAX's default device.
It times itself, since the benchmarks' own process has virtual devices.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from research import config
from research.benchmarks.peers.library import pytorch
from research.benchmarks.timing import Row, Subject, race
from research.cores import count_cores
from research.nn.cpu import convolution
from research.types import Count

ROOT = Path(__file__).parent.parent.parent


def plain(
    *, cases: Sequence[str], batch: Count, rounds: Count, peers: bool
) -> Iterator[Row]:
    """Yields rows of a training step of each network, on one device.

    Args:
      cases: names among those of the benchmark `step`.
      batch: images a call.
      rounds: of the race.
      peers: whether PyTorch takes part.
    """
    for case in cases:
        given = json.dumps(
            {"case": case, "batch": batch, "rounds": rounds, "peers": peers}
        )
        command = [sys.executable, "-m", "research.benchmarks.plain", given]
        done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE)
        for row in json.loads(done.stdout):
            yield Row(**row)


def measure(case: str, *, batch: int, rounds: int, peers: bool) -> list[Row]:
    """Returns the rows of a case, timed in this process."""
    cases = config.compose(config="benchmark").benchmarks.step.cases
    chosen = config.build(cases[case])
    make = partial(training_step, chosen["overrides"], batch)
    subjects = {"ours": make()}
    with convolution.enabled(False):
        subjects["plain XLA"] = make()
    if peers:
        subjects["PyTorch"] = chosen["peer"](batch)[0]
        # On all cores, as XLA with one device; elsewhere it has a thread a device.
        pytorch().set_num_threads(count_cores())
    return race(f"{case} step, no set-up", subjects, rounds=rounds)


def training_step(overrides: Sequence[str], batch: int) -> Subject:
    """Returns a step by Adam on fixed data, as a user writes it."""
    cfg = config.compose(*overrides)
    network = config.network(cfg, rngs=nnx.Rngs(0))
    graph, *states = nnx.split(network, nnx.Param, ...)
    params, rest = nnx.as_pure(states)
    optimizer = optax.adam(1e-3)
    rng = np.random.default_rng(0)
    images = jnp.asarray(rng.random((batch, *cfg.data.shape)), jnp.float32)
    labels = jnp.asarray(rng.integers(0, cfg.data.classes, batch))

    @jax.jit
    def step(params: Any, rest: Any, opt: Any) -> tuple[Any, Any, Any]:
        def loss(params: Any) -> tuple[jax.Array, Any]:
            network = nnx.merge(graph, params, rest)
            each = optax.softmax_cross_entropy_with_integer_labels(
                network(images), labels
            )
            return each.mean(), nnx.as_pure(nnx.state(network, nnx.Not(nnx.Param)))

        (_, changed), grads = jax.value_and_grad(loss, has_aux=True)(params)
        updates, opt = optimizer.update(grads, opt, params)
        return optax.apply_updates(params, updates), changed, opt

    state = [params, rest, optimizer.init(params)]
    compiled = step.lower(*state).compile()  # now, with the switch as it is

    def run() -> Any:
        state[:] = compiled(*state)
        return state

    return run


if __name__ == "__main__":
    settings: Mapping[str, Any] = json.loads(sys.argv[1])
    print(json.dumps([asdict(row) for row in measure(**settings)]))
