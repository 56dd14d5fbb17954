"""Exhaustive evaluation over circular shifts, against loops over them in PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import accumulate
from math import prod
from operator import mul
from typing import Any

from flax import nnx
from omegaconf import DictConfig

from research import config
from research.benchmarks import subjects
from research.benchmarks.arithmetic import Arithmetic, computing_in, name_case
from research.benchmarks.peers import library
from research.benchmarks.timing import Row, Subject, race
from research.errors import UserError
from research.evals.engine.closed_form import ClosedForm
from research.evals.engine.operations import count_operations
from research.models.network import Network
from research.types import Count, Shape


def orbit(
    *,
    overrides: Sequence[str],
    sizes: Mapping[int, Count],
    peer: Callable[[], Any],
    calls: Count,
    shifts: Count,
    arithmetic: Sequence[str],
    rounds: int,
    peers: bool,
) -> Iterator[Row]:
    """Yields rows of the logits over the whole orbit of a few images.

    Loops over shifts are timed at a few of them, and their time is multiplied: each
    shift costs the same. They classify more images a call than the closed form, as many
    as they are fast at. `ceiling` is what the numbers of operations allow at equal
    throughput.

    Args:
      overrides: of the `train` config: a circular network.
      sizes: side of the images → how many of them have their orbit taken.
      peer: factory of the same network in PyTorch.
      calls: images a call of the loops, for each image of the orbit.
      shifts: that are timed.
      arithmetic: that they are timed in, of `ARITHMETICS`.
      rounds: of the race.
      peers: whether PyTorch takes part.

    Raises:
      UserError: an arithmetic is not of float32.
    """
    for kind in arithmetic:
        with computing_in(kind, peers=peers) as chosen:
            require_float32(kind, chosen)
            for side, images in sizes.items():
                cfg = config.compose(*overrides, f"data.shape=[{side},{side},3]")
                name = partial(name_case, arithmetic=kind, among=arithmetic)
                factory = peer if peers else None
                yield from race_orbits(
                    cfg,
                    images,
                    factory,
                    name,
                    calls=calls,
                    shifts=shifts,
                    rounds=rounds,
                )


def dense_orbit(
    *,
    overrides: Sequence[str],
    cases: Mapping[str, Sequence[str]],
    images: Count,
    calls: Count,
    shifts: Count,
    rounds: int,
    peers: bool,
) -> Iterator[Row]:
    """Yields rows of the orbits of networks that answer at every pixel.

    They are against our own loop over shifts: nothing is published that one could time.

    Args:
      overrides: of the `train` config.
      cases: how to go down and up → further overrides.
      images: that have their orbit taken.
      calls: images a call of the loop, for each of these.
      shifts: that are timed; see `orbit`.
      rounds: of the race.
      peers: unused.
    """
    del peers
    for case, further in cases.items():
        cfg = config.compose(*overrides, *further)
        yield from race_orbits(
            cfg,
            images,
            None,
            f"{case}, {{}}".format,
            calls=calls,
            shifts=shifts,
            rounds=rounds,
        )


def require_float32(name: str, chosen: Arithmetic) -> None:
    """Raises UserError for an arithmetic that the orbit is not taken in."""
    if chosen.dtype != "float32":
        raise UserError(
            f"benchmarks.orbit.arithmetic={name}: evaluation computes in float32; "
            "takes float32, tf32"
        )


def race_orbits(
    cfg: DictConfig,
    images: int,
    peer: Callable[[], Any] | None,
    name: Callable[[str], str],
    *,
    calls: int,
    shifts: int,
    rounds: int,
) -> Iterator[Row]:
    """Yields the rows of one size; `name` completes a case's name, see `orbit`."""
    side = cfg.data.shape[0]
    network = config.network(cfg, rngs=nnx.Rngs(0))
    network.eval()
    noise = subjects.make_noise(cfg, images)["image"]
    closed = ClosedForm(network, noise)
    batch = images * calls
    racers: dict[str, Subject] = {
        "ours": partial(closed.logits, noise),
        "our loop": our_loop(cfg, batch, shifts),
    }
    if peer is not None:
        racers["PyTorch"] = pytorch_loop(peer, (batch, 3, side, side), shifts)
    each = 1 / calls / shifts
    passes = work(closed, network, (side, side, 3))
    for what, count in (("shifts", side * side), ("phases", prod(closed.period))):
        yield from race(
            name(f"{side}×{side}, loops over {count} {what}"),
            racers,
            rounds=rounds,
            reference="our loop" if peer is None else "PyTorch",
            scales={"our loop": each * count, "PyTorch": each * count},
            notes={"ours": partial(note_ceiling, count / passes)},
        )


def note_ceiling(most: float, seconds: float) -> str:
    """Returns the note of how many times as fast as a loop the orbit can be."""
    del seconds
    return f"ceiling {most:.4g}"


def work(closed: ClosedForm, network: Network, shape: Shape) -> float:
    """Returns the multiply-adds of an orbit, in forward passes of one image.

    A step runs for all rolls before it and of its own, and it runs on whole maps.
    """
    maps = network.map_shapes(shape)
    rolls = accumulate((prod(step.rolls) for step in closed.steps), mul)
    whole = sum(
        count_operations(nnx.merge(step.graph, step.state), at).multiply_adds * count
        for step, at, count in zip(closed.steps, maps, rolls, strict=True)
    )
    return whole / count_operations(network, shape).multiply_adds


def our_loop(cfg: DictConfig, batch: int, shifts: int) -> Subject:
    """Returns our forward pass at a few shifts, as brute force takes it."""
    forward = subjects.forward_pass(cfg, batch)
    return lambda: [forward() for _ in range(shifts)]


def pytorch_loop(
    peer: Callable[[], Any], shape: tuple[int, ...], shifts: int
) -> Subject:
    """Returns what published code does: roll the images, and classify them again."""
    torch = library.pytorch()
    with library.building():
        network = peer().to(memory_format=torch.channels_last)
        images = torch.rand(shape).to(memory_format=torch.channels_last)
    network.eval()

    def run() -> None:
        with torch.inference_mode():
            for shift in range(shifts):
                network(torch.roll(images, (shift, shift), (2, 3)))

    return library.subject(run)
