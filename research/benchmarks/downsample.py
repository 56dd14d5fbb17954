"""Each downsampler, forward and backward, against its fastest form in PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import numpy as np
from flax import nnx

from research import config
from research.benchmarks.arithmetic import computing_in, name_case
from research.benchmarks.peers import library
from research.benchmarks.step import make_ours
from research.benchmarks.timing import Row, Subject, count_calls, race, seconds
from research.distributed import devices
from research.training.settings import parse_dtype
from research.types import Count


def downsample(
    *,
    cases: Mapping[str, Callable[[int], library.Ways]],
    batch: Count,
    size: Count,
    channels: Count,
    overrides: Sequence[str],
    further: Mapping[str, Sequence[str]],
    arithmetic: Sequence[str],
    compile: library.Mode | None,
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
      arithmetic: that they are timed in, of `ARITHMETICS`.
      compile: mode of `torch.compile`, by which PyTorch takes part once more; or None.
      rounds: of the race.
      peers: whether PyTorch takes part.
    """
    shape = (batch, size, size, channels)
    for kind in arithmetic:
        with computing_in(kind, peers=peers) as chosen:
            for name, peer in cases.items():
                words = [*overrides, f"downsample={name}", *further.get(name, ())]
                cfg = config.compose(*words, f"train.dtype={chosen.dtype}")
                racers = make_ours(partial(both_ways, cfg, shape))
                if peers:
                    racers |= race_ways(peer, shape, chosen.dtype, compile)
                yield from race(
                    name_case(name, kind, arithmetic), racers, rounds=rounds
                )


def race_ways(
    peer: Callable[[int], library.Ways],
    shape: tuple[int, int, int, int],
    dtype: str,
    mode: str | None,
) -> dict[str, Subject]:
    """Returns the fastest way of a peer and, if there is a mode, the fastest compiled.

    Args:
      peer: factory of the ways.
      shape: (N, H, W, C) of the map.
      dtype: of the map and of the peer's parameters.
      mode: of `torch.compile`.
    """
    first_channels = (shape[0], shape[3], *shape[1:3])
    with library.building(dtype):
        ways = {f"PyTorch, way {at}": way for at, way in enumerate(peer(shape[-1]), 1)}
    groups = {"PyTorch": ways}
    if mode is not None:
        compiled = partial(library.pytorch().compile, mode=mode)
        groups["PyTorch compiled"] = {
            f"{name}, compiled": compiled(way) for name, way in ways.items()
        }
    found = {}
    for who, group in groups.items():
        made = {
            name: partial(library.both_ways, way, first_channels, dtype)
            for name, way in group.items()
        }
        running = library.keep_running(made)
        if running:
            found[who] = min(running.values(), key=least_seconds)
    return found


def least_seconds(work: Subject) -> float:
    """Returns the least of a few times, in seconds, the first left out."""
    calls = count_calls(work)
    return min([seconds(work, calls)[0] for _ in range(4)][1:])


def both_ways(cfg: Any, shape: tuple[int, int, int, int]) -> Subject:
    """Returns a downsampler's forward pass and its gradient, on fixed noise.

    Both, and its parameters, are in `train.dtype`.
    """
    down = config.downsample(cfg, shape[-1], rngs=nnx.Rngs(0))
    graph, *states = nnx.split(down, nnx.Param, ...)
    params, rest = states
    dtype = parse_dtype(cfg.train.dtype)
    mesh = devices.mesh(shape[0])
    rng = np.random.default_rng(0)
    cast = jax.tree.map(lambda p: p.astype(dtype), nnx.as_pure(params))
    state = devices.replicate((cast, nnx.as_pure(rest)), mesh)

    def forward(x: jax.Array) -> jax.Array:
        return nnx.merge(graph, *state)(x)  # anew in each trace: random ones count

    @jax.jit
    def run(x: jax.Array, given: jax.Array) -> tuple[jax.Array, jax.Array]:
        y, pull = jax.vjp(forward, x)
        return y, pull(given)[0]

    x = rng.normal(size=shape).astype(dtype)
    given = rng.normal(size=jax.eval_shape(forward, x).shape).astype(dtype)
    x, given = devices.shard((x, given), mesh)
    compiled = run.lower(x, given).compile()  # now, with the switch as it is
    return lambda: compiled(x, given)
