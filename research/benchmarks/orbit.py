"""Exhaustive evaluation over circular shifts, against loops over them in PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import prod
from typing import Any

from flax import nnx

from research import config
from research.benchmarks import peers as pytorch
from research.benchmarks import subjects
from research.benchmarks.timing import Row, Subject, race
from research.evals.closed_form import Orbit


def orbit(
    *,
    overrides: Sequence[str],
    peer: Callable[[], Any],
    batch: int,
    loop_batch: int,
    shifts: int,
    rounds: int,
    peers: bool,
) -> Iterator[Row]:
    """Yields rows of the logits over the whole orbit of a few images.

    The loops in PyTorch are timed at a few shifts, and their time is multiplied: each
    shift costs the same.

    Args:
      overrides: of the `train` config: a circular network.
      peer: factory of the same network in PyTorch.
      batch: images whose orbit is taken in closed form.
      loop_batch: images a call of the loops, as fast as PyTorch gets.
      shifts: that are timed.
      rounds: of the race.
      peers: whether PyTorch takes part.
    """
    cfg = config.compose(*overrides)
    network = config.network(cfg, rngs=nnx.Rngs(0))
    network.eval()
    images = subjects.noise(cfg, batch)[0]
    closed = Orbit(network, images)
    height, width = images.shape[1:3]
    racers: dict[str, Subject] = {"ours": lambda: closed.logits(images)}
    phases = prod(closed.period)
    case = f"orbit of {height}×{width}, period {closed.period[0]}×{closed.period[1]}"
    if not peers:
        yield from race(case, racers, rounds=rounds)
        return
    racers["PyTorch"] = looped(peer(), (loop_batch, 3, height, width), shifts)
    each = batch / loop_batch / shifts
    for name, count in (("all shifts", height * width), ("phases", phases)):
        yield from race(
            f"{case}; PyTorch loops over {count} {name}",
            racers,
            rounds=rounds,
            scales={"PyTorch": each * count},
        )


def looped(network: Any, shape: tuple[int, ...], shifts: int) -> Subject:
    """Returns what published code does: roll the images, and classify them again."""
    torch = pytorch.pytorch()
    network = network.to(memory_format=torch.channels_last)
    network.eval()
    images = torch.rand(shape).to(memory_format=torch.channels_last)

    def run() -> None:
        with torch.inference_mode():
            for shift in range(shifts):
                network(torch.roll(images, (shift, shift), (2, 3)))

    return run
