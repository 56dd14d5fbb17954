"""Each downsampler, forward and backward, against its fastest form in PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import numpy as np
from flax import nnx

from research import config
from research.benchmarks.peers import library
from research.benchmarks.step import make_ours
from research.benchmarks.timing import Row, Subject, race, seconds
from research.distributed import devices


def downsample(
    *,
    cases: Mapping[str, Callable[[int], list[Callable[[Any], Any]]]],
    batch: int,
    size: int,
    channels: int,
    overrides: Sequence[str],
    further: Mapping[str, Sequence[str]],
    rounds: int,
    peers: bool,
) -> Iterator[Row]:
    """Yields rows of each preset on a map of noise: its value and input gradient.

    Args:
      cases: preset → factory `peer(channels)` of the ways to write it in PyTorch; the
        fastest of them takes part.
      batch: of the map.
      size: its height and width.
      channels: its channels.
      overrides: of the `train` config.
      further: preset → overrides for it alone.
      rounds: of the race.
      peers: whether PyTorch takes part.
    """
    for name, peer in cases.items():
        own = further.get(name, ())
        cfg = config.compose(*overrides, f"downsample={name}", *own)
        shape = (batch, size, size, channels)
        racers = make_ours(partial(both_ways, cfg, shape))
        if peers:
            shape = (batch, channels, size, size)
            ways = [library.both_ways(way, shape) for way in peer(channels)]
            racers["PyTorch"] = min(ways, key=least_seconds)
        yield from race(name, racers, rounds=rounds)


def least_seconds(work: Subject) -> float:
    """Returns the least of a few times, in seconds, the first left out."""
    return min([seconds(work)[0] for _ in range(4)][1:])


def both_ways(cfg: Any, shape: tuple[int, int, int, int]) -> Subject:
    """Returns a downsampler's forward pass and its gradient, on fixed noise."""
    down = config.downsample(cfg, shape[-1], rngs=nnx.Rngs(0))
    graph, state = nnx.split(down)
    mesh = devices.mesh(shape[0])
    rng = np.random.default_rng(0)
    state = devices.replicate(nnx.as_pure(state), mesh)

    def forward(x: jax.Array) -> jax.Array:
        return nnx.merge(graph, state)(x)  # anew in each trace: random ones count

    @jax.jit
    def run(x: jax.Array, given: jax.Array) -> tuple[jax.Array, jax.Array]:
        y, pull = jax.vjp(forward, x)
        return y, pull(given)[0]

    x = rng.normal(size=shape).astype(np.float32)
    given = rng.normal(size=jax.eval_shape(forward, x).shape).astype(np.float32)
    x, given = devices.shard((x, given), mesh)
    compiled = run.lower(x, given).compile()  # now, with the switch as it is
    return lambda: compiled(x, given)
