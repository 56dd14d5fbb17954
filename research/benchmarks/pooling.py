"""Max, average and median by themselves, forward and backward, for claim C5."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from research import config
from research.benchmarks.downsample import both_ways, race_ways
from research.benchmarks.peers import library
from research.benchmarks.timing import Row, race
from research.types import Count, Counts


def pooling(
    *,
    operators: Mapping[str, Callable[..., library.Ways]],
    windows: Counts,
    sizes: Counts,
    batch: Count,
    channels: Count,
    overrides: Sequence[str],
    rounds: int,
    peers: bool,
) -> Iterator[Row]:
    """Yields rows of every operator on a map of noise: its value and input gradient.

    All operators, ours and PyTorch's, take turns in each round, so that the machine's
    other work meets each of them.

    Args:
      operators: option of `downsample` → factory `peer(channels, window)` of the ways
        to write it in PyTorch, of which the fastest takes part.
      windows: k of k×k.
      sizes: rows and columns of the maps.
      batch: of the maps.
      channels: of the maps.
      overrides: of the `train` config.
      rounds: of each race.
      peers: whether PyTorch takes part.
    """
    for window in windows:
        for size in sizes:
            shape = (batch, size, size, channels)
            racers = {}
            for name, peer in operators.items():
                reduce = f"downsample.reduce.window={window}"
                cfg = config.compose(*overrides, f"downsample={name}", reduce)
                racers[f"{name}, ours"] = both_ways(cfg, shape)
                if peers:
                    ways = peer(channels, window)
                    found = race_ways(lambda _, ways=ways: ways, shape, "float32", None)
                    racers |= {f"{name}, {who}": one for who, one in found.items()}
            yield from race(
                f"{window}×{window} on {size}×{size}",
                racers,
                rounds=rounds,
                reference="max, ours",
            )
